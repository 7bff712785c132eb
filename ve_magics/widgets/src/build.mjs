// Builds ../static from the sources beside this file: `npm ci && npm run build`.
// With a folder as argument it writes there instead, so that a test can compare.

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const out = process.argv[2] ?? join(here, '..', 'static')
const modules = join(here, 'node_modules')
mkdirSync(out, { recursive: true })

const common = { absWorkingDir: here, bundle: true, minify: true, legalComments: 'none', charset: 'utf8', outdir: out }
await build({
  ...common,
  entryPoints: ['chat.js', 'gallery.js'],
  format: 'esm',
  target: 'es2022',
  plugins: [
    {
      // temml's own minified file is a fifth smaller than what can be made of its module.
      name: 'temml',
      setup: (own) => {
        own.onResolve({ filter: /^temml$/ }, () => ({ path: join(modules, 'temml/dist/temml.min.js') }))
        own.onLoad({ filter: /temml\.min\.js$/ }, ({ path }) => ({ contents: `${readFileSync(path, 'utf8')}\nexport default temml` }))
      },
    },
  ],
})
await build({ ...common, entryPoints: ['chat.css', 'gallery.css'] })

const licence = (name) => {
  const { version } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8'))
  const file = readdirSync(join(modules, name)).find((one) => /^licen[cs]e/i.test(one))
  return `${name} ${version}\n\n${readFileSync(join(modules, name, file), 'utf8').trim()}\n`
}
writeFileSync(join(out, 'LICENSES.txt'), `chat.js holds code of these projects:\n\n${['marked', 'temml'].map(licence).join(`\n${'-'.repeat(80)}\n\n`)}`)

const digest = (data) => createHash('sha256').update(data).digest('hex')
const sources = readdirSync(here).filter((name) => /\.(js|css|mjs)$|^package.*\.json$/.test(name)).sort()
const sums = Object.fromEntries(sources.map((name) => [name, digest(readFileSync(join(here, name)))]))
const built = Object.fromEntries(['chat.css', 'chat.js', 'gallery.css', 'gallery.js'].map((name) => [name, digest(readFileSync(join(out, name)))]))
writeFileSync(join(out, 'built.json'), `${JSON.stringify({ sources: sums, built }, null, 1)}\n`)
