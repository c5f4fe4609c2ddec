import { join } from 'node:path'
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { startPostgres } from '../helpers/postgres.js'
import { withEnding } from '../helpers/ending.js'
import { selfSigned } from '../helpers/tls.js'
import { startChild } from './child.js'
import { Done, type DelivererTerms, type DeliveriesAsked } from './messages.js'
import type { BenchRedis } from './redis.js'

const Burst = Type.Object({ perSecond: Type.Number(), cpuMicros: Type.Number() })
const Stream = Type.Object({ p50: Type.Number(), p99: Type.Number() })

/** What an engine does over a store; each request is a TLS connection of its own, the receiver a process beside it. */
export interface WebhookFigures {
  readonly name: string
  /** Of deliveries that are there at once, for 100 endpoints. */
  readonly perSecond: number
  /** CPU of the process that delivers, a delivery. */
  readonly cpuMicros: number
  /** Milliseconds from an event to the answer, for 100 endpoints that live, without and with a dead one that has a long queue. */
  readonly alone: Static<typeof Stream>
  readonly besideDead: Static<typeof Stream>
  /** Megabytes of heap that the engine has more with so many pending. */
  readonly pendingMegabytes: number
  readonly pending: number
}

const LIVE = 100

const rows: ReadonlyArray<{ readonly name: string, readonly engine: DeliveriesAsked['engine'], readonly postgres: boolean }> = [
  { name: 'embedded, Redis', engine: 'embedded', postgres: false },
  { name: 'embedded, Postgres', engine: 'embedded', postgres: true },
  { name: 'BullMQ, Redis', engine: 'bullmq', postgres: false }
]

/** @param deliveries of a burst, and half of them of each stream @param pending that wait while the heap is weighed */
export async function webhookFigures (folder: string, redis: BenchRedis, deliveries: number, pending: number, say: (text: string) => void): Promise<WebhookFigures[]> {
  return withEnding(async (ending) => {
    const certificate = await selfSigned()
    const receiver = startChild(join(folder, 'test/bench/webhooks/receiver.js'))
    ending.teardown(() => receiver.stop())
    const port = await receiver.ask('listen', certificate, Type.Integer())
    const database = await startPostgres(ending)
    const measured: WebhookFigures[] = []
    for (const { name, engine, postgres } of rows) {
      const terms: DelivererTerms = { port, cert: certificate.cert, redis: redis.port, ...postgres && { postgres: await database.createDatabase() } }
      const ask = <T extends TSchema>(command: string, asked: Omit<DeliveriesAsked, 'engine'>, answer: T) => inProcess(folder, terms, command, { engine, ...asked }, answer)
      const { perSecond, cpuMicros } = await ask('burst', { endpoints: LIVE, deliveries }, Burst)
      say(`webhooks ${perSecond.toFixed(0).padStart(6)} a second   ${name}`)
      const stream = { endpoints: LIVE, deliveries: Math.ceil(deliveries / 2) }
      const alone = await ask('stream', stream, Stream)
      const besideDead = await ask('stream', { ...stream, dead: deliveries }, Stream)
      const bytes = await ask('pending', { endpoints: LIVE, deliveries: pending }, Type.Number())
      measured.push({ name, perSecond, cpuMicros, alone, besideDead, pendingMegabytes: bytes / 1e6, pending })
    }
    return measured
  })
}

async function inProcess<T extends TSchema> (folder: string, terms: DelivererTerms, command: string, asked: DeliveriesAsked, answer: T): Promise<Static<T>> {
  const child = startChild(join(folder, 'test/bench/webhooks/deliverer.js'), [], ['--expose-gc'])
  try {
    await child.ask('open', terms, Done)
    return await child.ask(command, asked, answer)
  } finally {
    await child.stop()
  }
}
