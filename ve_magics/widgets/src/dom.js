// Elements are made here and nowhere else: what a model says only ever becomes text, never HTML.

/** Return an element with attributes, listeners (`on…`) and children; null and false are left out. */
export function h(name, attributes = {}, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value)
    else if (key === 'text') node.textContent = value
    else node.setAttribute(key, value === true ? '' : value)
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false))
  return node
}

/** Return a small picture drawn with one line, for a page whose fonts hold no such sign. */
export function icon(path) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', width: '18', height: '18', fill: 'none', stroke: 'currentColor', 'stroke-width': '2', 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' })) node.setAttribute(key, value)
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  line.setAttribute('d', path)
  node.append(line)
  return node
}

/** Put text on the clipboard, also where a page without https may not use the clipboard's own interface. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const box = h('textarea', { 'aria-hidden': 'true', style: 'position:fixed;opacity:0' })
    const before = document.activeElement
    box.value = text
    document.body.append(box)
    box.select()
    const done = document.execCommand('copy')
    box.remove()
    before?.focus?.()
    return done
  }
}

/** Return a button that copies what `text()` returns and says so. */
export function copyButton(label, text, t) {
  const button = h('button', { type: 'button', class: 've-small', text: label })
  button.addEventListener('click', async () => {
    button.textContent = (await copy(text())) ? t('copied') : t('notCopied')
    setTimeout(() => (button.textContent = label), 1500)
  })
  return button
}
