// How a video of the notebook's folder comes to the browser.

const CHUNK_PAUSE = 300

/** Return the address under which the front end serves a file beside the notebook, or null where it serves none. */
export async function served(model, relative) {
  const resolver = model.widget_manager?.context?.urlResolver
  if (!relative || !resolver?.resolveUrl || !resolver.getDownloadUrl) return null
  try {
    return await resolver.getDownloadUrl(await resolver.resolveUrl(relative))
  } catch {
    return null
  }
}

/** Fetches files from the kernel piece by piece, slowly enough for the server's limit on data. */
export class Fetched {
  /** @param send Sends a message to the kernel. */
  constructor(send) {
    this.send = send
    this.waiting = new Map()
  }

  get(id, progress) {
    if (!this.waiting.has(id)) {
      let settle
      const promise = new Promise((resolve) => (settle = resolve))
      this.waiting.set(id, { promise, settle, progress, pieces: [], got: 0 })
      this.send({ do: 'media', id, at: 0 })
    }
    return this.waiting.get(id).promise
  }

  /** Take a `media` message. */
  take(message, buffers) {
    const file = this.waiting.get(message.id)
    if (!file || message.at !== file.got) return
    if (message.why) {
      file.settle({ why: message.why })
      return
    }
    file.pieces.push(buffers[0])
    file.got += buffers[0].byteLength
    file.progress?.(file.got / message.size)
    if (file.got >= message.size) file.settle({ address: URL.createObjectURL(new Blob(file.pieces, { type: message.type })) })
    else setTimeout(() => this.send({ do: 'media', id: message.id, at: file.got }), CHUNK_PAUSE)
  }
}
