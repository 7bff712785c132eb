// Markdown as elements. The lexer's tokens become nodes one by one: raw HTML is shown as it was written, links lead to
// http, https and mailto only, pictures from elsewhere are links unless they are allowed.

import { Marked, Tokenizer } from 'marked'
import temml from 'temml'
import { copyButton, h } from './dom.js'
import { highlight } from './highlight.js'

const LONGEST = 400_000
const PICTURE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+$/
const NAMED = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', hellip: '…', mdash: '—', ndash: '–', times: '×', middot: '·', copy: '©', reg: '®', trade: '™', deg: '°', larr: '←', rarr: '→', uarr: '↑', darr: '↓', laquo: '«', raquo: '»', bull: '•', euro: '€', zwj: '\u200d', zwnj: '\u200c', ensp: '\u2002', emsp: '\u2003', le: '≤', ge: '≥', ne: '≠' }
const BOLD = /((`{3,}|~{3,})[^]*?(?:\n\s*\2|$)|(`+)[^`](?:[^]*?[^`])??\3(?!`))|\*\*([^*\n]+?)\*\*/gu
const WRITTEN_TOGETHER = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u
const MARK = /[\p{P}\p{S}]/u

const mathBlock = {
  name: 'mathBlock',
  level: 'block',
  start: (source) => source.match(/(?:^|\n) {0,3}(?:\$\$|\\\[|\\begin\{)/)?.index,
  tokenizer(source) {
    const closed = /^ {0,3}(?:\$\$([^]+?)\$\$|\\\[([^]+?)\\\]|(\\begin\{([a-zA-Z]+\*?)\}[^]*?\\end\{\4\}))[ \t]*(?:\n+|$)/.exec(source)
    if (closed) return { type: 'mathBlock', raw: closed[0], text: closed[1] ?? closed[2] ?? closed[3] }
    const open = growing && /^ {0,3}(?:\$\$|\\\[|\\begin\{)[^]*$/.exec(source)
    return open && !/\n\s*\n\s*\n/.test(source) ? { type: 'pending', raw: open[0], text: open[0] } : undefined
  },
}
const mathInline = {
  name: 'mathInline',
  level: 'inline',
  start: (source) => source.match(/\$|\\[([]/)?.index,
  tokenizer(source) {
    const wide = /^(?:\$\$([^$]+?)\$\$|\\\[([^]+?)\\\])/.exec(source)
    if (wide) return { type: 'mathInline', raw: wide[0], text: wide[1] ?? wide[2], wide: true }
    const found = /^(?:\$(?![\s$])((?:\\[^]|[^\\$\n])+?)(?<!\s)\$(?!\d)|\\\(([^]+?)\\\))/.exec(source)
    return found ? { type: 'mathInline', raw: found[0], text: found[1] ?? found[2] } : undefined
  },
}
let growing = false
const marked = new Marked({ gfm: true })
// A bare address ends where Chinese goes on: no space stands between them.
const url = function (source) {
  return Tokenizer.prototype.url.call(this, source.slice(0, source.search(/[^\x00-\x7f]|$/)))
}
marked.use({ extensions: [mathBlock, mathInline], tokenizer: { url } })

/** Return the lexer's tokens; while an answer grows, a formula that isn't closed yet waits. */
function tokensOf(text, unfinished) {
  growing = unfinished
  return marked.lexer(text)
}

/** Return Markdown in which bold text with punctuation at its edge is bold between Chinese characters, too, where no spaces stand. */
function prepared(text) {
  const joined = text.replace(/\r\n?/g, '\n')
  return joined.replace(BOLD, (all, code, _fence, _ticks, inside, at) => {
    if (code) return all
    const before = WRITTEN_TOGETHER.test(joined[at - 1] ?? '') && MARK.test(inside[0])
    const after = WRITTEN_TOGETHER.test(joined[at + all.length] ?? '') && MARK.test(inside.at(-1))
    return `${before ? '&#8203;' : ''}${all}${after ? '&#8203;' : ''}`
  })
}

/** Return text with its character references resolved. */
export function decoded(text) {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([A-Za-z]{2,8}));/g, (all, decimal, hex, name) => {
    if (name) return Object.hasOwn(NAMED, name) ? NAMED[name] : all
    const code = decimal ? Number(decimal) : parseInt(hex, 16)
    return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : '\ufffd'
  })
}

/** Return an address that may be a link, or null. */
export function safeAddress(href) {
  const plain = decoded(href ?? '').replace(/[\u0000-\u0020\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069]/g, '')
  return /^(?:https?:\/\/[^/?#]|mailto:[^?#])/i.test(plain) ? plain : null
}

function formula(source, wide) {
  const node = h('span', { class: wide ? 've-math ve-wide' : 've-math', dir: 'ltr', title: source.trim() })
  try {
    temml.render(source, node, { displayMode: wide, trust: false, throwOnError: true, maxExpand: 500, maxSize: [20, 20], wrap: 'none' })
  } catch {
    node.replaceChildren(h('code', { text: source }))
  }
  return node
}

/** What draws one piece of Markdown. */
class Painter {
  constructor({ remoteImages = false, t }) {
    this.remoteImages = remoteImages
    this.t = t
  }

  blocks(tokens) {
    return tokens.map((token) => this.block(token)).filter(Boolean)
  }

  block(token) {
    switch (token.type) {
      case 'space':
      case 'def':
        return null
      case 'hr':
        return h('hr')
      case 'heading':
        return h('p', { class: `ve-h ve-h${token.depth}`, dir: 'auto', role: 'heading', 'aria-level': String(Math.min(token.depth + 2, 6)) }, this.inlines(token.tokens))
      case 'paragraph':
        return h('p', { dir: 'auto' }, this.inlines(token.tokens))
      case 'text':
        return h('p', { dir: 'auto' }, token.tokens ? this.inlines(token.tokens) : decoded(token.text))
      case 'blockquote':
        return h('blockquote', { dir: 'auto' }, this.blocks(token.tokens))
      case 'code':
        return this.code(token)
      case 'list':
        return h(token.ordered ? 'ol' : 'ul', { dir: 'auto', start: token.ordered && token.start !== 1 ? String(token.start) : null }, token.items.map((item) => this.item(item)))
      case 'table':
        return this.table(token)
      case 'mathBlock':
        return formula(token.text, true)
      case 'pending':
        return h('p', { class: 've-faint', text: token.text })
      default:
        return h('p', { class: 've-raw', text: token.raw.trim() })
    }
  }

  item(item) {
    const box = item.task && h('input', { type: 'checkbox', disabled: true, checked: item.checked })
    const inside = item.tokens.filter((token) => token.type !== 'checkbox').map((token) => {
      if (token.type === 'text' && !item.loose) return token.tokens ? this.inlines(token.tokens) : decoded(token.text)
      return this.block(token)
    })
    return h('li', { dir: 'auto', class: item.task ? 've-task' : null }, box, inside.flat())
  }

  table(token) {
    const align = (index) => (token.align[index] ? `text-align:${token.align[index]}` : null)
    const cell = (name) => (one, index) => h(name, { dir: 'auto', style: align(index), scope: name === 'th' ? 'col' : null }, this.inlines(one.tokens))
    return h('div', { class: 've-table', tabindex: '0', role: 'group' }, h('table', {},
      h('thead', {}, h('tr', {}, token.header.map(cell('th')))),
      h('tbody', {}, token.rows.map((row) => h('tr', {}, row.map(cell('td')))))))
  }

  code(token) {
    const language = (token.lang ?? '').trim().split(/[\s{]/)[0].toLowerCase().slice(0, 30)
    return h('div', { class: 've-code', dir: 'ltr' },
      h('div', { class: 've-code-head' }, h('span', { text: language }), copyButton(this.t('copyCode'), () => token.text, this.t)),
      h('pre', { tabindex: '0' }, h('code', {}, highlight(token.text, language))))
  }

  inlines(tokens) {
    return tokens.map((token) => this.inline(token))
  }

  inline(token) {
    switch (token.type) {
      case 'text':
        return token.tokens ? h('span', {}, this.inlines(token.tokens)) : decoded(token.text)
      case 'escape':
        return decoded(token.text)
      case 'strong':
      case 'em':
      case 'del':
        return h(token.type, {}, this.inlines(token.tokens))
      case 'codespan':
        return h('code', { text: token.text })
      case 'br':
        return h('br')
      case 'mathInline':
        return formula(token.text, token.wide)
      case 'link':
        return this.link(safeAddress(token.href), this.inlines(token.tokens), token)
      case 'image':
        return this.image(token)
      default:
        return token.raw
    }
  }

  link(address, children, token) {
    if (address === null) return h('span', { class: 've-raw', text: token.raw })
    return h('a', { href: address, target: '_blank', rel: 'noopener noreferrer nofollow', title: address }, children)
  }

  image(token) {
    const alt = decoded(token.text || this.t('picture'))
    if (PICTURE.test(token.href)) return h('img', { src: token.href, alt })
    const address = safeAddress(token.href)
    if (address !== null && this.remoteImages && /^https?:/i.test(address)) return h('img', { src: address, alt, referrerpolicy: 'no-referrer', loading: 'lazy' })
    return this.link(address, [`[${alt}]`], token)
  }
}

/** One answer's words: blocks that are finished stay, only the last one is drawn again as the text grows. */
export class MarkdownView {
  /**
   * @param options remoteImages, t, and said(text), which hears the words of each block that is finished.
   */
  constructor(options) {
    this.node = h('div', { class: 've-md' })
    this.painter = new Painter(options)
    this.said = options.said ?? (() => {})
    this.reset()
  }

  reset() {
    this.node.replaceChildren()
    this.tail = []
    this.done = 0
    this.shown = ''
    this.drawn = 0
  }

  /** Draw the text so far; `final` where no more will come. */
  show(text, final = false) {
    if (text.length > LONGEST) {
      this.node.replaceChildren(h('pre', { text }))
      return
    }
    const source = prepared(text)
    if (!source.startsWith(this.shown.slice(0, this.done))) this.reset()
    if (final && this.done > 0 && /^ {0,3}\[[^\]\n]+\]:/m.test(source)) this.reset()
    this.shown = source
    const tokens = tokensOf(source.slice(this.done), !final)
    let last = tokens.length - 1
    while (last >= 0 && (tokens[last].type === 'space' || tokens[last].type === 'def')) last--
    const keep = final ? tokens.length : Math.max(last, 0)
    for (const node of this.tail) node.remove()
    for (const token of tokens.slice(0, keep)) {
      this.done += token.raw.length
      const node = this.painter.block(token)
      if (node) {
        this.node.append(node)
        this.drawn++
        this.said(node.textContent)
      }
    }
    this.tail = this.painter.blocks(tokens.slice(keep))
    this.node.append(...this.tail)
  }
}
