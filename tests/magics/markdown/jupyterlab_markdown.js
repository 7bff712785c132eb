// Reads a JSON list of Markdown texts on standard input and writes, for each, what JupyterLab makes of it:
// the HTML, before any sanitizer, and the tokens that hold HTML, links, pictures and code.
// Arguments: the installed JupyterLab's files that hold its Markdown parser (marked) and its core, which takes
// formulas out of a text before it is parsed and puts them back afterwards. Their own modules do the work here.
const fs = require('fs');
globalThis.self = globalThis;
globalThis.navigator ??= {};
const parts = (globalThis.rspackChunk_jupyterlab_application_top = globalThis.webpackChunk_jupyterlab_application_top = []);

function moduleWith(file, ...words) {
  (0, eval)(fs.readFileSync(file, 'utf8'));
  const define = Object.values(parts.at(-1)[1]).find(body => words.every(word => body.toString().includes(word)));
  const api = {};
  const need = () => { throw new Error('the module needs no other one'); };
  need.r = () => {};
  need.d = (_, names) => { for (const name in names) Object.defineProperty(api, name, { get: names[name], enumerable: true }); };
  define({ exports: api }, api, need);
  return api;
}

const { marked, Lexer } = moduleWith(process.argv[2], 'reflinkSearch');
const formulas = Object.values(moduleWith(process.argv[3], '~T', '@@\\d+@@', 'begin|end'));
const removeMath = formulas.find(work => work.length === 1);
const replaceMath = formulas.find(work => work.length === 2);

function tokensOf(text) {
  const found = [];
  const walk = node => {
    if (Array.isArray(node)) return node.forEach(walk);
    if (!node || typeof node !== 'object') return;
    if (node.type === 'html') found.push(['html', node.raw]);
    if (node.type === 'link' || node.type === 'image') found.push([node.type, node.href]);
    if (node.type === 'code') found.push(['code', node.text]);
    if (node.type === 'codespan') found.push(['codespan', node.text]);
    for (const key of ['tokens', 'items', 'header', 'rows']) if (node[key]) walk(node[key]);
  };
  walk(new Lexer({ gfm: true }).lex(text));
  return found;
}

const texts = JSON.parse(fs.readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(texts.map(source => {
  const { text, math } = removeMath(source);
  const parsed = marked.parse(text, { gfm: true });
  let html = parsed;
  try {
    html = replaceMath(parsed, math);
  } catch (error) {
    // A marker that the writer made up names no formula; JupyterLab then shows nothing at all.
  }
  return { html, tokens: tokensOf(text), math };
})));
