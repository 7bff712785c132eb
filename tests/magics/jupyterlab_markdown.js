// Reads a JSON list of Markdown texts on standard input and writes, for each, what JupyterLab makes of it:
// the HTML, before any sanitizer, and the tokens that hold HTML, links, pictures and languages of code.
// Argument: the file in which JupyterLab ships its Markdown parser (marked). What JupyterLab does to formulas
// before and after parsing is repeated here from its latex.ts (BSD licence, Jupyter Development Team).
const fs = require('fs');
globalThis.self = globalThis;
const parts = (globalThis.rspackChunk_jupyterlab_application_top = globalThis.webpackChunk_jupyterlab_application_top = []);
(0, eval)(fs.readFileSync(process.argv[2], 'utf8'));
const api = {};
const load = () => { throw new Error('marked needs no other module'); };
load.r = () => {};
load.d = (_, names) => { for (const name in names) Object.defineProperty(api, name, { get: names[name] }); };
Object.values(parts[0][1])[0]({ exports: api }, api, load);
const { marked, Lexer } = api;

const SPLIT = /(\$\$?|\\(?:begin|end)\{[a-z]*\*?\}|\\[{}$]|[{}]|(?:\n\s*)+|@@\d+@@|\\\\[()[\]])/i;
function takeMath(text) {
  const math = [];
  let restore = t => t;
  if (text.includes('`') || text.includes('~~~')) {
    const hide = t => t.replace(/\$/g, '~D');
    text = text.replace(/~/g, '~T')
      .replace(/^(?<fence>`{3,}|(~T){3,})[^`\n]*\n([\s\S]*?)^\k<fence>`*$/gm, hide)
      .replace(/(^|[^\\])(`+)([^\n]*?[^`\n])\2(?!`)/gm, hide);
    restore = t => t.replace(/~([TD])/g, (_, c) => (c === 'T' ? '~' : '$'));
  }
  const blocks = text.replace(/\r\n?/g, '\n').split(SPLIT);
  let start = null, end = null, last = null, braces = 0;
  const take = (i, j) => {
    const whole = blocks.slice(i, j + 1).join('').replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
    for (; j > i; j--) blocks[j] = '';
    blocks[i] = '@@' + math.length + '@@';
    math.push(restore(whole));
    start = end = last = null;
  };
  for (let i = 1; i < blocks.length; i += 2) {
    const b = blocks[i];
    if (b[0] === '@') { blocks[i] = '@@' + math.length + '@@'; math.push(b); }
    else if (start !== null) {
      if (b === end) { if (braces) last = i; else take(start, i); }
      else if (b.match(/\n.*\n/)) { if (last !== null) { i = last; take(start, i); } start = end = last = null; braces = 0; }
      else if (b === '{') braces++;
      else if (b === '}' && braces) braces--;
    }
    else if (b === '$' || b === '$$') { start = i; end = b; braces = 0; }
    else if (b === '\\\\(' || b === '\\\\[') { start = i; end = b.endsWith('(') ? '\\\\)' : '\\\\]'; braces = 0; }
    else if (b.substr(1, 5) === 'begin') { start = i; end = '\\end' + b.substr(6); braces = 0; }
  }
  if (start !== null && last !== null) take(start, last);
  return { text: restore(blocks.join('')), math };
}

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
  const { text, math } = takeMath(source);
  const html = marked.parse(text, { gfm: true }).replace(/@@(\d+)@@/g, (whole, n) => math[n] ?? whole);
  return { html, tokens: tokensOf(text), math };
})));
