// The panel leaves its transcript as an ordinary output below it, for whoever opens the notebook without a kernel.
// Beside the living panel the same words twice would be noise, so JupyterLab and Notebook hide it there.

/** Hide the output that follows a living view and begins with `mark`; returns what shows it again. */
export function foldTranscript(root, mark) {
  let hidden = null
  const look = () => {
    const next = root.closest('.jp-OutputArea-child')?.nextElementSibling
    if (!next || next === hidden || !next.textContent.trimStart().startsWith(mark)) return
    hidden?.classList.remove('ve-folded')
    hidden = next
    hidden.classList.add('ve-folded')
    watch(false)
  }
  const watcher = new MutationObserver(look)
  const watch = (subtree) => {
    watcher.disconnect()
    const area = root.closest('.jp-OutputArea')
    if (area) watcher.observe(area, { childList: true, subtree })
  }
  const frame = requestAnimationFrame(() => {
    watch(true)
    look()
  })
  return () => {
    cancelAnimationFrame(frame)
    watcher.disconnect()
    hidden?.classList.remove('ve-folded')
  }
}
