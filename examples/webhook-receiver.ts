import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { listenOn, type Listening } from './front.js'

/** What a customer runs: takes deliveries, verifies them with the official library, and says what came. */
export interface Receiver extends Listening {
  /** Of the endpoint, as it was shown once. */
  secret: string
  /** Hears of what came, and of what comes. */
  news (hear: (line: string) => void): void
}

export async function startReceiver (): Promise<Receiver> {
  const before: string[] = []
  let say = (line: string): void => { before.push(line) }
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    try {
      new Webhook(receiver.secret).verify(body, headers)
      say(`webhook ${headers['webhook-id']}: ${body}`)
      response.writeHead(204).end()
    } catch {
      say('a webhook that does not verify')
      response.writeHead(400).end()
    }
  })
  const receiver: Receiver = {
    ...await listenOn(server),
    secret: '',
    news (hear) {
      for (const line of before.splice(0)) hear(line)
      say = hear
    }
  }
  return receiver
}
