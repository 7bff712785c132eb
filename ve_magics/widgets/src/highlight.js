// Colours for code: comments, strings, numbers and keywords of the languages that answers are full of.
// One pass of one regular expression a language; whatever it doesn't know stays as it is.

const C_LIKE = 'if else for while do switch case default break continue return new class struct enum const static void public private protected try catch finally throw import this super null true false'
const KEYWORDS = {
  python: 'and as assert async await break class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield case None True False self',
  javascript: `${C_LIKE} async await export from function let of in instanceof typeof var yield undefined delete extends get set`,
  typescript: `${C_LIKE} async await export from function let of in instanceof typeof var yield undefined delete extends interface type implements readonly namespace declare keyof as is any string number boolean never unknown`,
  java: `${C_LIKE} package interface extends implements final abstract boolean int long float double char byte short throws instanceof synchronized var record`,
  c: `${C_LIKE} auto bool char constexpr delete double explicit extern float friend goto inline int long namespace nullptr operator short signed sizeof template typedef typename union unsigned using virtual volatile include define ifdef ifndef endif`,
  go: 'break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var nil true false string int error bool',
  rust: 'as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while Some None Ok Err',
  bash: 'if then else elif fi for while until do done case esac in function return export local readonly set unset echo cd exit source alias sudo',
  sql: 'select from where and or not in is null as join left right inner outer full on group by order having limit offset insert into values update set delete create table view index drop alter add primary key foreign references distinct union all case when then else end exists between like with over partition',
  r: 'if else for while repeat function return next break TRUE FALSE NULL NA Inf NaN in library require',
  julia: 'if elseif else end for while function return struct mutable module using import export const let begin do try catch finally true false nothing in where macro',
  json: 'true false null',
  yaml: 'true false null yes no on off',
}
const SAME = {
  py: 'python', python3: 'python', ipython: 'python', js: 'javascript', jsx: 'javascript', mjs: 'javascript',
  ts: 'typescript', tsx: 'typescript', 'c++': 'c', cpp: 'c', h: 'c', hpp: 'c', 'c#': 'java', csharp: 'java', cs: 'java',
  kotlin: 'java', scala: 'java', swift: 'rust', php: 'javascript', sh: 'bash', shell: 'bash', zsh: 'bash',
  console: 'bash', golang: 'go', rs: 'rust', yml: 'yaml', toml: 'yaml', ini: 'yaml', jsonc: 'json', jl: 'julia',
  html: 'xml', svg: 'xml', postgresql: 'sql', mysql: 'sql', sqlite: 'sql',
}
const HASH = new Set(['python', 'bash', 'r', 'julia', 'yaml'])
const NUMBER = '\\b(?:0[xXbBoO][\\da-fA-F_]+|\\d[\\d_]*(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)\\b'
const rules = new Map()

function rule(name) {
  if (!rules.has(name)) {
    const comment = HASH.has(name) ? '#[^\\n]*' : name === 'sql' ? '--[^\\n]*|/\\*[^]*?(?:\\*/|$)' : name === 'json' ? '(?!)' : '//[^\\n]*|/\\*[^]*?(?:\\*/|$)'
    const long = name === 'python' ? '[rbfuRBFU]{0,2}(?:"""[^]*?(?:"""|$)|\'\'\'[^]*?(?:\'\'\'|$))|' : name === 'javascript' || name === 'typescript' || name === 'go' ? '`(?:\\\\[^]|[^`\\\\])*(?:`|$)|' : ''
    const string = `${long}"(?:\\\\.|[^"\\\\\\n])*"?` + (name === 'rust' ? '' : `|'(?:\\\\.|[^'\\\\\\n])*'?`)
    const words = KEYWORDS[name].split(' ').join('|')
    rules.set(name, new RegExp(`(${comment})|(${string})|(${NUMBER})|\\b(${words})\\b|(@[\\w.]+)|([A-Za-z_]\\w*)(?=\\s*\\()|[A-Za-z_]\\w*`, name === 'sql' ? 'gi' : 'g'))
  }
  return rules.get(name)
}
const XML = /(<!--[^]*?(?:-->|$))|("[^"<>]*"|'[^'<>]*')|(?!)()|(<\/?[\w:-]+|\/?>)/g
const DIFF = { '+': 've-add', '-': 've-del', '@': 've-c' }
const CLASSES = ['', 've-c', 've-s', 've-n', 've-k', 've-d', 've-f']

function coloured(name, text) {
  return Object.assign(document.createElement('span'), { className: name, textContent: text })
}

/** Return code as nodes: text, with spans around what has a colour. */
export function highlight(code, language) {
  const fragment = document.createDocumentFragment()
  const name = SAME[language] ?? language
  if (name === 'diff' || name === 'patch') {
    for (const line of code.split(/(?<=\n)/)) fragment.append(DIFF[line[0]] ? coloured(DIFF[line[0]], line) : line)
    return fragment
  }
  const found = name === 'xml' ? XML : Object.hasOwn(KEYWORDS, name) ? rule(name) : null
  if (found === null || code.length > 60000) {
    fragment.append(code)
    return fragment
  }
  let at = 0
  for (const match of code.matchAll(found)) {
    const group = match.findIndex((text, index) => index > 0 && text)
    if (group < 1) continue
    fragment.append(code.slice(at, match.index), coloured(CLASSES[group], match[0]))
    at = match.index + match[0].length
  }
  fragment.append(code.slice(at))
  return fragment
}
