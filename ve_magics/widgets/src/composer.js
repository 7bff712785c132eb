// Where a question is written: text, pictures by paste, drop or choice, send and stop.

import { h, icon } from './dom.js'

const TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']
const LARGEST = 5_000_000
const TOGETHER = 8_000_000
const MOST = 8

export class Composer {
  /** @param actions t, ask(text, pictures), stop(), say(text). */
  constructor(actions) {
    const { t } = actions
    this.actions = actions
    this.pictures = []
    this.running = false
    this.thumbs = h('div', { class: 've-thumbs' })
    this.text = h('textarea', { rows: '1', dir: 'auto', 'aria-label': t('question'), placeholder: t('placeholder'), title: t('hint'), oninput: () => this.fit(), onkeydown: (event) => this.key(event), onpaste: (event) => this.paste(event) })
    this.file = h('input', { type: 'file', accept: TYPES.join(','), multiple: true, hidden: true, onchange: () => { this.add([...this.file.files]); this.file.value = '' } })
    this.attach = h('button', { type: 'button', class: 've-icon', 'aria-label': t('attach'), title: t('attach'), onclick: () => this.file.click() }, icon('M21 11.5 12.3 20a5.6 5.6 0 0 1-8-8l8.7-8.4a3.8 3.8 0 0 1 5.3 5.3l-8.6 8.4a1.9 1.9 0 0 1-2.7-2.7l7.9-7.7'))
    this.send = h('button', { type: 'button', class: 've-send', text: t('send'), onclick: () => (this.running ? actions.stop() : this.submit()) })
    this.node = h('div', { class: 've-compose', ondragover: (event) => { event.preventDefault(); this.node.classList.add('ve-over') }, ondragleave: () => this.node.classList.remove('ve-over'), ondrop: (event) => this.drop(event) },
      this.thumbs, h('div', { class: 've-row' }, this.text, this.attach, this.send), this.file)
  }

  /** Take keys: Enter sends unless an input method is still composing, Esc stops. */
  key(event) {
    if (event.isComposing || event.keyCode === 229) return
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault()
      if (!this.running) this.submit()
    } else if (event.key === 'Escape' && this.running) {
      event.preventDefault()
      this.actions.stop()
    }
  }

  fit() {
    this.text.style.height = 'auto'
    this.text.style.height = `${Math.min(this.text.scrollHeight + 2, 240)}px`
  }

  paste(event) {
    const files = [...(event.clipboardData?.files ?? [])]
    if (files.length) {
      event.preventDefault()
      this.add(files)
    }
  }

  drop(event) {
    this.node.classList.remove('ve-over')
    event.stopPropagation()
    const files = [...(event.dataTransfer?.files ?? [])]
    if (files.length) {
      event.preventDefault()
      this.add(files)
    }
  }

  async add(files) {
    const { t } = this.actions
    for (const file of files) {
      if (!TYPES.includes(file.type)) this.actions.say(`${file.name} ${t('notPicture')}`)
      else if (file.size > LARGEST) this.actions.say(`${file.name} ${t('tooLarge')}`)
      else if (this.pictures.length >= MOST || this.pictures.reduce((sum, one) => sum + one.file.size, file.size) > TOGETHER) this.actions.say(t('tooMany'))
      else this.pictures.push({ file, url: URL.createObjectURL(file) })
    }
    this.draw()
  }

  draw() {
    const { t } = this.actions
    this.thumbs.replaceChildren(...this.pictures.map((one) => h('span', { class: 've-thumb' }, h('img', { src: one.url, alt: one.file.name }),
      h('button', { type: 'button', class: 've-icon', 'aria-label': `${t('remove')} ${one.file.name}`, text: '×', onclick: () => { this.pictures = this.pictures.filter((other) => other !== one); this.draw(); this.text.focus() } }))))
  }

  async submit() {
    const text = this.text.value
    if (!text.trim() && this.pictures.length === 0) return
    const pictures = this.pictures
    this.pictures = []
    this.text.value = ''
    this.draw()
    this.fit()
    await this.actions.ask(text, pictures)
  }

  /** Give back what couldn't be sent. */
  restore(text, pictures) {
    if (!this.text.value) this.text.value = text
    this.pictures = [...pictures, ...this.pictures]
    this.draw()
    this.fit()
  }

  set busy(running) {
    this.running = running
    this.send.textContent = this.actions.t(running ? 'stop' : 'send')
    this.send.classList.toggle('ve-stop', running)
  }

  set enabled(on) {
    for (const control of [this.text, this.attach, this.send]) control.disabled = !on
  }
}
