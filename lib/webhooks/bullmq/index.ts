import { Type } from '@sinclair/typebox'
import { Queue, Worker, type ConnectionOptions } from 'bullmq'
import { describeFault } from '../../errors.js'
import { checkOptions } from '../../options.js'
import type { DeliveryEngine, EngineParts } from '../engine.js'
import type { Lane } from '../store.js'

export interface BullmqEngineOptions {
  /** What BullMQ connects by: `{ host, port, … }`. */
  connection: ConnectionOptions
  /** Name of the queue; `latchkey-webhooks` by default. */
  queue?: string | undefined
  /** Endpoints that this process works on at once; 50 by default, 0 for a process that only tells others. */
  concurrency?: number | undefined
  /** Attempts at one endpoint at once; 4 by default. */
  perEndpoint?: number | undefined
  /** Seconds between looks at the store for what no job tells of; 5 by default. */
  sweep?: number | undefined
  /** Seconds after which the endpoint of a worker that died, or stands still, is another's; 30 by default. */
  stalledAfter?: number | undefined
}

const seconds = Type.Number({ exclusiveMinimum: 0, maximum: 3600, description: 'seconds above 0 and at most 3600' })
const options = Type.Object({
  connection: Type.Unknown(),
  queue: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$', description: '1 to 64 letters, digits and characters of . _ -' })),
  concurrency: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, description: 'a whole number from 0 to 10,000' })),
  perEndpoint: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'a whole number from 1 to 1000' })),
  sweep: Type.Optional(seconds),
  stalledAfter: Type.Optional(seconds)
}, { additionalProperties: false })

/** Milliseconds beyond the deadline for which a claim is held. */
const SLACK = 15_000
/** Workers may die in the middle of an endpoint's deliveries this often before its job is given up for the next sweep. */
const STALLS = 10

interface Job extends Lane { readonly timer: boolean }

/**
 * Delivers by the workers of a BullMQ queue. A job is an endpoint, not a delivery: there is one at a time for each, it
 * makes a few attempts and goes to the end of the queue, so a dead endpoint with a long queue delays nobody. What is to
 * be delivered is in the store, and is found there by a sweep if the queue has lost a job.
 *
 * @throws OptionError
 */
export function createBullmqEngine (given: BullmqEngineOptions): DeliveryEngine {
  checkOptions(options, given, 'engine')
  const { connection, queue: name = 'latchkey-webhooks', concurrency = 50, perEndpoint = 4, sweep = 5, stalledAfter = 30 } = given
  const queue = new Queue<Job>(name, { connection, defaultJobOptions: { removeOnComplete: true, removeOnFail: true } })
  let log: EngineParts['log'] = () => {}
  let worker: Worker<Job> | undefined
  let sweeping: NodeJS.Timeout | undefined
  queue.on('error', complain)

  function complain (fault: unknown): void {
    log(describeFault(fault), 'the queue of webhooks failed')
  }

  /** Has an endpoint worked on: now, or after the one who is at it. */
  async function tell ({ workspace, endpointId }: Lane): Promise<void> {
    await queue.add('endpoint', { workspace, endpointId, timer: false }, { deduplication: { id: endpointId, keepLastIfActive: true } })
  }

  /** The latest word counts: when an endpoint has been worked on, its next instant is known. */
  async function tellLater ({ workspace, endpointId }: Lane, delay: number): Promise<void> {
    await queue.add('timer', { workspace, endpointId, timer: true }, { delay, deduplication: { id: `timer.${endpointId}`, replace: true } })
  }

  async function work ({ store, clock, deliver, deadline }: EngineParts, lane: Lane): Promise<void> {
    const only = { workspace: lane.workspace, endpointId: lane.endpointId }
    const limit = { limit: perEndpoint, perEndpoint, only }
    const { claims } = await store.claim(clock(), deadline * 1000 + SLACK, limit)
    await Promise.all(claims.map(async (claim) => {
      const settled = await deliver(claim)
      if (settled !== undefined) await store.settle(claim, settled)
    }))
    const { nextAt } = await store.claim(clock(), 0, { ...limit, limit: 0 })
    if (nextAt === undefined) return
    const delay = nextAt - clock()
    if (delay <= 0) await tell(only)
    else await tellLater(only, delay)
  }

  return {
    async start (parts) {
      log = parts.log
      if (concurrency === 0) return
      worker = new Worker<Job>(name, async ({ data }) => await (data.timer ? tell(data) : work(parts, data)), {
        connection, concurrency, maxStalledCount: STALLS, lockDuration: stalledAfter * 1000, stalledInterval: stalledAfter * 1000
      })
      worker.on('error', complain)
      worker.on('failed', (_job, fault) => complain(fault))
      const look = async (): Promise<void> => {
        try {
          const { store, clock } = parts
          // A lease of nothing: it only says where something is due.
          const { claims } = await store.claim(clock(), 0, { limit: 1000, perEndpoint: 1 })
          for (const { delivery } of claims) await tell(delivery)
        } catch (fault) {
          complain(fault)
        }
      }
      sweeping = setInterval(look, sweep * 1000).unref()
      await look()
    },
    async wake (deliveries) {
      try {
        const lanes = new Map(deliveries.map(({ workspace, endpointId }) => [endpointId, { workspace, endpointId }]))
        for (const lane of lanes.values()) await tell(lane)
      } catch (fault) {
        complain(fault)
      }
    },
    async close () {
      clearInterval(sweeping)
      await worker?.close()
      await queue.close()
    }
  }
}
