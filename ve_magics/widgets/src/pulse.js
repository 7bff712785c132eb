// Whether the kernel is still there. Front ends tell that a connection has changed, but not to what, so it is asked.

const PATIENCE = 1500

export class Pulse {
  /**
   * @param ask Sends something that a living kernel answers.
   * @param dead Is called where no answer comes.
   */
  constructor(ask, dead) {
    this.ask = ask
    this.dead = dead
  }

  /** Ask, and wait for a sign of life. */
  feel() {
    this.rest()
    this.timer = setTimeout(this.dead, PATIENCE)
    try {
      this.ask()
    } catch {
      this.rest()
      this.dead()
    }
  }

  /** There was one, or nobody wants to know any more. */
  rest() {
    clearTimeout(this.timer)
  }
}
