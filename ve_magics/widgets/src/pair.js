// Two videos side by side that play, pause and seek as one.

import { h } from './dom.js'

const DRIFT = 0.12

export class Pair {
  constructor(videos, items, t, close) {
    this.videos = videos
    this.t = t
    this.button = h('button', { type: 'button', class: 've-send', text: t('play'), onclick: () => this.toggle() })
    this.slider = h('input', { type: 'range', min: '0', max: '1', step: '0.01', value: '0', 'aria-label': t('position'), oninput: () => this.seek(Number(this.slider.value)) })
    this.clock = h('span', { class: 've-facts' })
    videos.forEach((video, index) => {
      video.controls = false
      video.muted = index === 1
    })
    this.node = h('div', { role: 'group', 'aria-label': t('comparing') },
      h('div', { class: 've-two' }, videos.map((video, index) => h('figure', {}, video, h('figcaption', { dir: 'auto', text: `${items[index].model}: ${items[index].prompt}` })))),
      h('div', { class: 've-row' }, this.button, this.slider, this.clock, h('button', { type: 'button', class: 've-small', text: t('close'), onclick: close })))
    this.lead = videos[0]
    this.measure()
    for (const video of videos) {
      video.addEventListener('loadedmetadata', () => this.measure())
      video.addEventListener('ended', () => this.rest(video))
    }
    this.beat = setInterval(() => this.keep(), 100)
  }

  measure() {
    this.length = Math.max(...this.videos.map((video) => video.duration || 0))
    this.lead = this.videos[0].duration >= (this.videos[1].duration || 0) ? this.videos[0] : this.videos[1]
    this.slider.max = String(this.length || 1)
    this.tick()
  }

  get playing() {
    return !this.lead.paused && !this.lead.ended
  }

  toggle() {
    if (this.playing) for (const video of this.videos) video.pause()
    else {
      if (this.lead.ended || this.lead.currentTime >= this.length - 0.05) this.seek(0)
      for (const video of this.videos) if (this.lead.currentTime < (video.duration || 0)) video.play().catch(() => {})
    }
    this.tick()
  }

  seek(at) {
    for (const video of this.videos) video.currentTime = Math.min(at, video.duration || 0)
    this.tick()
  }

  rest(video) {
    if (video === this.lead) this.tick()
  }

  /** Bring the other one back to where the leading one is. */
  keep() {
    if (this.playing) {
      for (const video of this.videos) {
        if (video === this.lead || this.lead.currentTime >= (video.duration || 0)) continue
        if (Math.abs(video.currentTime - this.lead.currentTime) > DRIFT) video.currentTime = this.lead.currentTime
        if (video.paused) video.play().catch(() => {})
      }
    }
    this.tick()
  }

  tick() {
    this.button.textContent = this.t(this.playing ? 'pause' : 'play')
    if (document.activeElement !== this.slider || this.playing) this.slider.value = String(this.lead.currentTime)
    this.clock.textContent = `${this.lead.currentTime.toFixed(1)} / ${(this.length || 0).toFixed(1)} s`
  }

  close() {
    clearInterval(this.beat)
    for (const video of this.videos) video.pause()
    this.node.remove()
  }
}
