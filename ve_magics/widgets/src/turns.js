// The turns of a panel as data: folds the kernel's messages, knows nothing of the page.

/** What a view knows of its conversation. */
export class Turns {
  constructor() {
    this.seq = null
    this.list = []
    this.home = null
    this.running = null
  }

  find(id) {
    return this.list.find((turn) => turn.id === id)
  }

  /** Take a message; returns `whole`, `turn`, `more`, `end`, `gap` where one was missed, or null where it is no business of the turns. */
  take(heard) {
    const message = structuredClone(heard) // every view hears the same object
    if (message.is === 'whole') {
      Object.assign(this, { seq: message.seq, list: message.turns, home: message.home, running: message.running })
      return 'whole'
    }
    if (!['turn', 'more', 'end'].includes(message.is)) return null
    if (this.seq === null) return null
    if (message.seq !== this.seq + 1) return message.seq <= this.seq ? null : 'gap'
    this.seq = message.seq
    if (message.is === 'turn') {
      const at = this.list.findIndex((turn) => turn.id === message.turn.id)
      this.list.splice(at < 0 ? this.list.length : at, at < 0 ? 0 : this.list.length, message.turn)
      this.running = message.turn.id
      return 'turn'
    }
    const turn = this.find(message.turn.id ?? message.turn)
    if (!turn) return 'gap'
    if (message.is === 'end') {
      Object.assign(turn, message.turn)
      this.running = null
      return 'end'
    }
    if (message.restart !== undefined) Object.assign(turn, { answer: '', reasoning: '', calls: [], notes: [...turn.notes, message.restart] })
    if (message.text) turn.answer += message.text
    if (message.reasoning) turn.reasoning += message.reasoning
    if (message.calls) turn.calls = message.calls
    if (message.pictures) turn.pictures = message.pictures
    return 'more'
  }
}
