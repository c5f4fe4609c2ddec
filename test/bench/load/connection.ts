import { connect } from 'node:net'

export interface Connection {
  /** Sends one request and calls back once its whole answer has arrived with status 200. */
  send (request: Buffer, done: () => void): void
  close (): void
}

/** One kept-alive HTTP/1.1 connection with at most one request on the way. */
export function openConnection (port: number, onError: (error: Error) => void): Connection {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  let done: (() => void) | undefined
  let pending = ''
  let closing = false

  socket.setEncoding('latin1')
  socket.on('error', onError)
  socket.on('close', () => { if (!closing) onError(new Error('the server closed a connection')) })
  socket.on('data', (chunk: string) => {
    pending += chunk
    const length = answerLength(pending)
    if (length === undefined || pending.length < length) return
    const whole = pending
    const answered = done
    pending = ''
    done = undefined
    if (answered === undefined || whole.length > length) return onError(new Error(`more than was asked for: ${whole}`))
    if (!whole.startsWith('HTTP/1.1 200 ')) return onError(new Error(`refused: ${whole}`))
    answered()
  })

  return {
    send (request, callback) {
      done = callback
      socket.write(request)
    },
    close () {
      closing = true
      socket.destroy()
    }
  }
}

function answerLength (text: string): number | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text) ?? []
  if (length === undefined) throw new Error(`no Content-Length: ${text}`)
  return end + 4 + Number(length)
}
