// The chat panel: one view of a conversation that lives in the kernel.

import { Composer } from './composer.js'
import { h } from './dom.js'
import { Pulse } from './pulse.js'
import { foldTranscript } from './transcript.js'
import { TurnView } from './turn_view.js'
import { Turns } from './turns.js'
import { words } from './words.js'

const PATIENCE = 1200
let made = 0

class Panel {
  constructor(model, el) {
    this.model = model
    this.t = words()
    this.turns = new Turns()
    this.views = new Map()
    this.addresses = new Map()
    this.wanted = new Map()
    this.page = performance.timeOrigin
    this.follows = true
    this.name = `v${++made}-${Math.random().toString(36).slice(2)}`
    const { t } = this
    this.picker = h('select', { 'aria-label': t('model'), title: t('model'), onchange: () => this.choose(), onfocus: () => this.living() })
    this.log = h('div', { class: 've-log', role: 'log', 'aria-live': 'off', tabindex: '0', 'aria-label': t('conversation'), onscroll: () => (this.follows = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80) })
    this.note = h('div', { class: 've-note', role: 'status', hidden: true })
    this.spoken = h('div', { class: 've-hidden', 'aria-live': 'polite' })
    this.composer = new Composer({ t, ask: (text, pictures) => this.ask(text, pictures), stop: () => this.stop(), say: (text) => this.tell(text) })
    this.root = h('section', { class: 've-chat', 'aria-label': `${t('chat')}: ${model.get('conversation')}`, 'data-lm-suppress-shortcuts': 'true', onkeydown: (event) => this.key(event) },
      h('div', { class: 've-head' }, h('span', { class: 've-title', dir: 'auto', text: model.get('conversation') }), this.picker),
      this.log, this.note, this.spoken, this.composer.node)
    el.append(this.root)
    this.mark = `Conversation ${model.get('conversation')}`
    this.unfold = foldTranscript(this.root, this.mark)
    this.hear = (message, buffers) => this.take(message, buffers)
    this.drawModels = () => this.models()
    this.pulse = new Pulse(() => this.send({ do: 'hello' }), () => this.disconnected())
    this.lost = () => this.pulse.feel()
    model.on('msg:custom', this.hear)
    model.on('change:models', this.drawModels)
    model.on('change:model', this.drawModels)
    model.on('comm_live_update', this.lost)
    this.models()
    this.draw()
    this.send({ do: 'hello' })
  }

  close() {
    this.model.off('msg:custom', this.hear)
    this.model.off('change:models', this.drawModels)
    this.model.off('change:model', this.drawModels)
    this.model.off('comm_live_update', this.lost)
    for (const address of this.addresses.values()) URL.revokeObjectURL(address)
    this.unfold()
    clearTimeout(this.timer)
    this.pulse.rest()
    cancelAnimationFrame(this.frame)
  }

  send(content, buffers) {
    try {
      this.model.send({ view: this.name, page: this.page, ...content }, undefined, buffers)
    } catch {
      this.disconnected() // the front end has no kernel any more to send to
    }
  }

  key(event) {
    if (event.key === 'Escape' && this.turns.running && !event.isComposing) {
      event.preventDefault()
      this.stop()
    }
    event.stopPropagation()
  }

  stop() {
    this.send({ do: 'stop' })
    this.composer.text.focus()
  }

  async ask(text, pictures) {
    const nonce = `${this.name}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`
    const images = pictures.map((_, index) => `${nonce}-${index}`)
    pictures.forEach((one, index) => this.addresses.set(images[index], one.url))
    this.pending = { nonce, text, pictures }
    this.tell(this.t('sending'), true)
    this.timer = setTimeout(() => this.tell(this.t('busy')), PATIENCE)
    const buffers = await Promise.all(pictures.map((one) => one.file.arrayBuffer()))
    this.send({ do: 'ask', text, nonce, images }, buffers)
  }

  retry(id) {
    this.send({ do: 'retry', turn: id })
    this.composer.text.focus()
  }

  living() {
    if (!this.asked) this.send({ do: 'models' })
    this.asked = true
  }

  choose() {
    this.model.set('model', this.picker.value)
    this.model.save_changes()
  }

  models() {
    const chosen = this.model.get('model')
    const names = this.model.get('models')
    const all = names.includes(chosen) || !chosen ? names : [chosen, ...names]
    const standard = this.model.get('standard')
    this.picker.replaceChildren(h('option', { value: '', text: standard ? `${standard} (${this.t('defaultModel')})` : this.t('defaultModel') }), ...all.map((name) => h('option', { value: name, text: name })))
    this.picker.value = chosen
  }

  picture(id) {
    if (this.addresses.has(id)) return Promise.resolve(this.addresses.get(id))
    if (!this.wanted.has(id)) {
      let settle
      const promise = new Promise((resolve) => (settle = resolve))
      this.wanted.set(id, { promise, settle })
      this.send({ do: 'picture', id })
    }
    return this.wanted.get(id).promise
  }

  take(message, buffers) {
    this.pulse.rest()
    if (this.gone) this.connected()
    if (message.is === 'picture') {
      const address = buffers?.length ? URL.createObjectURL(new Blob([buffers[0]], { type: message.type })) : null
      if (address && !this.addresses.has(message.id)) this.addresses.set(message.id, address)
      this.wanted.get(message.id)?.settle(this.addresses.get(message.id) ?? null)
      return
    }
    if (message.is === 'refused') {
      if (message.nonce && this.pending?.nonce === message.nonce) {
        this.composer.restore(this.pending.text, this.pending.pictures)
        this.settle()
      }
      if (message.view === this.name) this.tell(message.why)
      return
    }
    if (message.nonce && this.pending?.nonce === message.nonce) this.settle()
    const what = this.turns.take(message)
    if (what === 'gap') this.send({ do: 'hello' })
    else if (what === 'more') this.frame ??= requestAnimationFrame(() => this.draw())
    else if (what) {
      if (what === 'turn') this.say(this.t('answering'))
      if (what === 'whole') this.forget()
      this.draw(what !== 'end')
      if (what === 'end') this.ended(message.turn)
    }
  }

  ended(turn) {
    this.say(turn.error.length ? '' : this.t('answered'))
    if (this.turns.home !== null && this.turns.home !== this.page) this.tell(this.t('stale'))
  }

  settle() {
    this.pending = null
    clearTimeout(this.timer)
    this.tell('')
  }

  forget() {
    for (const view of this.views.values()) view.node.remove()
    this.views.clear()
  }

  draw(down = false) {
    this.frame = null
    const { log, t } = this
    this.follows ||= down
    const list = this.turns.list
    for (const [id, view] of this.views) {
      if (!this.turns.find(id)) {
        view.node.remove()
        this.views.delete(id)
      }
    }
    list.forEach((turn, index) => {
      let view = this.views.get(turn.id)
      if (!view) {
        view = new TurnView(turn, { t, remoteImages: this.model.get('remote_images'), picture: (id) => this.picture(id), retry: (id) => this.retry(id), say: (text) => this.say(text) })
        this.views.set(turn.id, view)
        log.append(view.node)
        view.draw(turn, index === list.length - 1)
      } else if (turn !== view.turn || turn.state === 'streaming' || index >= list.length - 2) view.draw(turn, index === list.length - 1)
    })
    this.blank ??= h('p', { class: 've-faint ve-blank', text: t('empty') })
    if (list.length === 0) log.append(this.blank)
    else this.blank.remove()
    this.composer.busy = this.turns.running !== null
    if (this.follows) log.scrollTop = log.scrollHeight
  }

  say(text) {
    if (!text) return
    this.spoken.append(h('div', { text: text.slice(0, 2000) }))
    while (this.spoken.childElementCount > 8) this.spoken.firstChild.remove()
  }

  tell(text) {
    this.note.textContent = text
    this.note.hidden = !text
  }

  /** Nobody answered: the kernel has ended, or its widgets are gone with its restart. */
  disconnected() {
    this.tell(this.t('gone'))
    this.gone = true
    this.composer.enabled = false
    this.picker.disabled = true
    this.unfold()
  }

  connected() {
    this.gone = false
    this.tell('')
    this.composer.enabled = true
    this.picker.disabled = false
    this.unfold = foldTranscript(this.root, this.mark)
  }
}

export default {
  render({ model, el }) {
    const panel = new Panel(model, el)
    return () => panel.close()
  },
}
