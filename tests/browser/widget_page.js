// Loads a widget's bundle alone on an empty page, with a model that stands for the kernel. Returns nothing; leaves
// `window.widget`: sent (what the views sent), tell(message, buffers), show() (one more view), close(n).
async ({ script, style, state }) => {
  const listeners = {}
  const sent = []
  const values = { ...state }
  const model = {
    widget_manager: window.manager,
    get: (name) => values[name],
    set: (name, value) => { values[name] = value },
    save_changes: () => sent.push({ do: 'saved', ...values }),
    on: (name, hear) => (listeners[name] ??= []).push(hear),
    off: (name, hear) => { listeners[name] = (listeners[name] ?? []).filter((one) => one !== hear) },
    send: (content, _, buffers) => sent.push({ ...content, sizes: (buffers ?? []).map((one) => one.byteLength) }),
  }
  document.head.append(Object.assign(document.createElement('style'), { textContent: style }))
  const module = await import(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })))
  const closers = []
  const fire = (name, ...what) => (listeners[name] ?? []).forEach((hear) => hear(...what))
  const draw = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  window.widget = {
    sent,
    listeners,
    tell: async (message, bytes) => { fire('msg:custom', message, (bytes ?? []).map((one) => new DataView(Uint8Array.from(one).buffer))); await draw() },
    change: (name, value) => { values[name] = value; fire(`change:${name}`) },
    lose: () => fire('comm_live_update'),
    show: () => {
      const el = document.createElement('div')
      document.body.append(el)
      closers.push(module.default.render({ model, el }))
    },
    close: (index) => closers[index](),
  }
  window.widget.show()
}
