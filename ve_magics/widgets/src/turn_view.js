// One turn on the page: the question, and the answer as it grows.

import { copyButton, h } from './dom.js'
import { MarkdownView } from './markdown.js'
import { factsIn } from './words.js'

export class TurnView {
  /**
   * @param turn The turn's data.
   * @param tools t, remoteImages, picture(id) → promise of an address, retry(), say(words for who listens).
   */
  constructor(turn, tools) {
    this.tools = tools
    const { t } = tools
    this.turn = turn
    this.pictures = new Map()
    this.question = h('div', { class: 've-question' }, h('span', { class: 've-hidden', text: `${t('you')}: ` }), h('div', { class: 've-words', dir: 'auto', text: turn.question }),
      h('div', { class: 've-thumbs' }, turn.images.map((id) => this.picture(id))))
    this.markdown = new MarkdownView({ t, remoteImages: tools.remoteImages, said: (text) => this.growing && tools.say(text) })
    this.thoughts = h('div', { class: 've-thoughts', dir: 'auto' })
    this.summary = h('summary')
    this.reasoning = h('details', { class: 've-reasoning', hidden: true }, this.summary, this.thoughts)
    this.notes = h('div', { class: 've-notes' })
    this.calls = h('div', { class: 've-calls' })
    this.shots = h('div', { class: 've-thumbs' })
    this.status = h('div', { class: 've-status', 'aria-hidden': 'true' })
    this.error = h('div', { class: 've-error', role: 'alert', hidden: true })
    this.facts = h('span', { class: 've-facts' })
    this.copy = copyButton(t('copyAnswer'), () => this.turn.answer, t)
    this.retry = h('button', { type: 'button', class: 've-small', text: t('retry'), onclick: () => tools.retry(this.turn.id) })
    this.answer = h('div', { class: 've-answer' }, this.notes, this.reasoning, this.calls, this.markdown.node, this.shots, this.status, this.error,
      h('div', { class: 've-foot' }, this.facts, this.copy, this.retry))
    this.node = h('article', { class: 've-turn' }, this.question, this.answer)
  }

  picture(id) {
    const image = h('img', { alt: this.tools.t('picture') })
    this.tools.picture(id).then((address) => (address ? (image.src = address) : image.replaceWith(h('span', { class: 've-faint', text: `[${this.tools.t('picture')}]` }))))
    return image
  }

  /** Draw what the turn is now. */
  draw(turn, last) {
    const { t } = this.tools
    this.turn = turn
    this.growing = turn.state === 'streaming'
    this.answer.setAttribute('aria-busy', String(this.growing))
    this.notes.replaceChildren(...turn.notes.map((note) => h('div', { text: note })))
    this.reasoning.hidden = !turn.reasoning
    this.summary.textContent = this.growing && !turn.answer ? `${t('thinking')} …` : t('reasoning')
    if (turn.reasoning.startsWith(this.thoughts.textContent)) this.thoughts.append(turn.reasoning.slice(this.thoughts.textContent.length))
    else this.thoughts.textContent = turn.reasoning
    this.calls.replaceChildren(...turn.calls.map((call) => h('div', {}, `→ ${t('calls')} `, h('code', { text: call }))))
    this.markdown.show(turn.answer, !this.growing)
    for (const id of turn.pictures) {
      if (this.pictures.has(id)) continue
      this.pictures.set(id, this.picture(id))
      this.shots.append(this.pictures.get(id))
    }
    this.status.textContent = this.growing && !turn.answer ? `${t('waiting')} …` : turn.state === 'stopped' ? `■ ${t('stopped')}` : ''
    this.status.hidden = !this.status.textContent
    if (this.error.textContent !== turn.error.join('')) this.error.replaceChildren(...turn.error.map((line) => h('div', { text: line })))
    this.error.hidden = turn.error.length === 0
    this.facts.textContent = factsIn(turn.facts, t)
    this.copy.hidden = !turn.answer || this.growing
    this.retry.hidden = !last || this.growing
  }
}
