// The gallery: the notebook's videos as cards, live; two of them can be played side by side.

import { copyButton, h, icon } from './dom.js'
import { Fetched, served } from './media.js'
import { Pair } from './pair.js'
import { Pulse } from './pulse.js'
import { foldTranscript } from './transcript.js'
import { words } from './words.js'

let made = 0

class Card {
  constructor(item, gallery) {
    this.gallery = gallery
    const { t } = gallery
    this.stage = h('div', { class: 've-stage' })
    this.prompt = h('p', { class: 've-prompt', dir: 'auto' })
    this.line = h('p', { class: 've-facts' })
    this.bar = h('progress', { max: '1', hidden: true, 'aria-label': t('state') })
    this.error = h('p', { class: 've-error', hidden: true })
    this.revised = h('details', { hidden: true }, h('summary', { text: t('revised') }), h('p', { dir: 'auto' }))
    this.play = h('button', { type: 'button', class: 've-small', text: t('play'), onclick: () => this.start() })
    this.compare = h('input', { type: 'checkbox', onchange: () => gallery.choose(this.item.id, this.compare.checked) })
    this.copy = copyButton(t('copyPrompt'), () => this.item.prompt, t)
    this.cancel = h('button', { type: 'button', class: 've-small', text: t('cancel'), onclick: () => this.stop(), onblur: () => this.calm() })
    this.both = h('label', { class: 've-small' }, this.compare, ` ${t('compare')}`)
    this.node = h('li', { class: 've-card' }, this.stage, this.prompt, this.bar, this.line, this.error, this.revised, h('div', { class: 've-foot' }, this.play, this.both, this.copy, this.cancel))
    this.draw(item)
  }

  draw(item) {
    const { t } = this.gallery
    const before = this.item
    this.item = item
    const ready = item.state === 'succeeded' && item.here
    this.node.setAttribute('aria-label', item.prompt)
    this.prompt.textContent = item.prompt
    this.prompt.title = item.prompt
    const cost = item.cost !== null ? `$${item.cost.toFixed(2)}` : item.state === 'succeeded' ? t('unknownCost') : ''
    this.line.textContent = [t(item.state), item.model, item.seconds ? `${+item.seconds.toFixed(1)} s` : '', item.size.replace('x', '×'), cost].filter(Boolean).join(' · ')
    this.bar.hidden = !['queued', 'submitting', 'running'].includes(item.state)
    if (item.progress === null) this.bar.removeAttribute('value')
    else this.bar.value = item.progress
    this.error.textContent = item.why
    this.error.hidden = !item.why
    this.revised.hidden = !item.revised
    this.revised.lastChild.textContent = item.revised
    this.play.hidden = this.both.hidden = !ready
    this.cancel.hidden = !['queued', 'submitting', 'running'].includes(item.state)
    if (!before || before.poster !== item.poster || before.state !== item.state) this.poster()
  }

  poster() {
    const address = this.gallery.posters.get(this.item.id)
    if (this.video) return
    this.stage.replaceChildren(address ? h('img', { src: address, alt: '' }) : h('div', { class: 've-empty' }, icon('M3 6h12v12H3zM15 10l6-3v10l-6-3')))
  }

  async start() {
    if (this.video) {
      this.video.play()
      return
    }
    this.video = await this.gallery.video(this.item, this.stage)
    if (this.video) {
      this.stage.replaceChildren(this.video)
      this.play.hidden = true
      this.video.focus()
      this.video.play().catch(() => {})
    }
  }

  stop() {
    if (this.sure) this.gallery.send({ do: 'cancel', id: this.item.id })
    this.sure = !this.sure
    this.cancel.textContent = this.gallery.t(this.sure ? 'sure' : 'cancel')
  }

  calm() {
    this.sure = false
    this.cancel.textContent = this.gallery.t('cancel')
  }
}

class Gallery {
  constructor(model, el) {
    this.model = model
    this.t = words()
    this.items = new Map()
    this.cards = new Map()
    this.posters = new Map()
    this.chosen = []
    this.name = `g${++made}-${Math.random().toString(36).slice(2)}`
    const { t } = this
    this.files = new Fetched((message) => this.send(message))
    this.filter = h('input', { type: 'search', 'aria-label': t('filter'), placeholder: t('filter'), dir: 'auto', oninput: () => this.sift() })
    this.state = h('select', { 'aria-label': t('state'), onchange: () => this.sift() }, h('option', { value: '', text: t('all') }), ['running', 'succeeded', 'failed'].map((name) => h('option', { value: name, text: t(name) })))
    this.pair = h('div', { class: 've-pair', hidden: true })
    this.list = h('ul', { class: 've-cards', role: 'list' })
    this.blank = h('p', { class: 've-faint' })
    this.note = h('div', { class: 've-note', role: 'status', hidden: true })
    this.root = h('section', { class: 've-gallery', 'aria-label': t('gallery'), 'data-lm-suppress-shortcuts': 'true', onkeydown: (event) => event.stopPropagation() },
      h('div', { class: 've-head' }, h('span', { class: 've-title', text: t('gallery') }), this.filter, this.state), this.note, this.pair, this.blank, this.list)
    el.append(this.root)
    this.unfold = foldTranscript(this.root, 'Gallery ·')
    this.hear = (message, buffers) => this.take(message, buffers)
    this.pulse = new Pulse(() => this.send({ do: 'hello' }), () => this.disconnected())
    this.lost = () => this.pulse.feel()
    model.on('msg:custom', this.hear)
    model.on('comm_live_update', this.lost)
    this.send({ do: 'hello' })
  }

  close() {
    this.model.off('msg:custom', this.hear)
    this.model.off('comm_live_update', this.lost)
    this.both?.close()
    this.pulse.rest()
    for (const address of this.posters.values()) URL.revokeObjectURL(address)
    this.unfold()
  }

  send(content) {
    this.model.send({ view: this.name, ...content })
  }

  take(message, buffers) {
    this.pulse.rest()
    switch (message.is) {
      case 'clips': {
        const ids = new Set(message.items.map((item) => item.id))
        for (const id of this.items.keys()) if (!ids.has(id)) this.items.delete(id)
        for (const item of message.items) this.items.set(item.id, item)
        this.draw()
        break
      }
      case 'clip':
        this.items.set(message.item.id, message.item)
        this.draw()
        break
      case 'poster':
        if (!buffers?.length) break
        if (this.posters.has(message.id)) URL.revokeObjectURL(this.posters.get(message.id))
        this.posters.set(message.id, URL.createObjectURL(new Blob([buffers[0]], { type: message.type })))
        this.cards.get(message.id)?.poster()
        break
      case 'media':
        this.files.take(message, buffers)
        break
      case 'refused':
        if (message.view === this.name) this.tell(message.why)
        break
    }
  }

  /** Draw the cards, the newest first; a card that stays keeps its node, so that nothing stops playing. */
  draw() {
    for (const [id, card] of this.cards) {
      if (!this.items.has(id)) {
        card.node.remove()
        this.cards.delete(id)
      }
    }
    const newest = [...this.items.values()].sort((a, b) => b.created - a.created)
    newest.forEach((item, index) => {
      const card = this.cards.get(item.id)
      if (card) card.draw(item)
      else {
        const fresh = new Card(item, this)
        this.cards.set(item.id, fresh)
        this.list.insertBefore(fresh.node, this.list.children[index] ?? null)
        if (item.poster) this.send({ do: 'poster', id: item.id })
      }
      if (item.poster && !this.posters.has(item.id) && card) this.send({ do: 'poster', id: item.id })
    })
    this.sift()
  }

  sift() {
    const wanted = this.filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean)
    let shown = 0
    for (const card of this.cards.values()) {
      const { item } = card
      const text = [item.prompt, item.revised, item.model, item.id, this.t(item.state)].join(' ').toLowerCase()
      const state = ['queued', 'submitting'].includes(item.state) ? 'running' : ['cancelled', 'expired', 'unknown'].includes(item.state) ? 'failed' : item.state
      const fits = wanted.every((word) => text.includes(word)) && (!this.state.value || this.state.value === state)
      card.node.hidden = !fits
      shown += fits
    }
    this.blank.textContent = this.items.size === 0 ? this.t('noClips') : shown ? '' : this.t('noMatch')
    this.blank.hidden = !this.blank.textContent
  }

  /** Return a player for a clip, from where it lies or from the kernel; null where it can't come. */
  async video(item, stage) {
    const { t } = this
    const player = (address) => h('video', { src: address, controls: true, preload: 'metadata', playsinline: true, title: item.prompt, tabindex: '0' })
    const direct = await served(this.model, item.path)
    if (direct) {
      const video = player(direct)
      const plays = await new Promise((resolve) => {
        video.addEventListener('loadedmetadata', () => resolve(true), { once: true })
        video.addEventListener('error', () => resolve(false), { once: true })
        setTimeout(() => resolve(video.readyState > 0), 8000)
      })
      if (plays) return video
    }
    const bar = h('progress', { max: '1', value: '0', 'aria-label': t('loading') })
    stage.append(bar)
    const found = await this.files.get(item.id, (part) => (bar.value = part))
    bar.remove()
    if (found.address) return player(found.address)
    this.tell(found.why)
    return null
  }

  choose(id, on) {
    this.chosen = this.chosen.filter((other) => other !== id)
    if (on) this.chosen.push(id)
    while (this.chosen.length > 2) this.cards.get(this.chosen.shift()).compare.checked = false
    this.side()
  }

  async side() {
    this.both?.close()
    this.both = null
    this.pair.hidden = this.chosen.length < 2
    this.tell(this.chosen.length === 1 ? this.t('pickTwo') : '')
    if (this.chosen.length < 2) return
    const items = this.chosen.map((id) => this.items.get(id))
    const videos = await Promise.all(items.map((item) => this.video(item, this.pair)))
    if (videos.includes(null) || this.chosen.length < 2) return
    this.both = new Pair(videos, items, this.t, () => {
      for (const id of [...this.chosen]) this.cards.get(id).compare.checked = false
      this.chosen = []
      this.side()
    })
    this.pair.replaceChildren(this.both.node)
    this.both.button.focus()
  }

  tell(text) {
    this.note.textContent = text
    this.note.hidden = !text
  }

  disconnected() {
    this.tell(this.t('goneGallery'))
    this.unfold()
  }
}

export default {
  render({ model, el }) {
    const gallery = new Gallery(model, el)
    return () => gallery.close()
  },
}
