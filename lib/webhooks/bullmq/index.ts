import { Type } from '@sinclair/typebox'
import { Queue, Worker, type ConnectionOptions, type JobsOptions } from 'bullmq'
import { describeFault } from '../../core/errors.js'
import { checkOptions } from '../../core/options.js'
import { createFailureLog, type FailureLog } from '../../core/failure-log.js'
import { leaseOf, recordAttempt, outageOfStore } from '../record-attempt.js'
import type { DeliveryEngine, EngineDeps } from '../engine.js'
import type { EndpointRef } from '../store.js'

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

/** Workers may die in the middle of an endpoint's deliveries this often before its job is given up for the next sweep. */
const STALLS = 10

/** Name of a job that shows whether a queue that failed works again: nothing else may, for long. */
const PROBE = 'probe'

interface Job extends EndpointRef { readonly timer: boolean }

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
  let outage: FailureLog | undefined
  let worker: Worker<Job> | undefined
  let sweeping: NodeJS.Timeout | undefined
  queue.on('error', (fault) => outage?.failed(fault, 'queue'))

  /** @returns whether the queue has it */
  async function add (name: string, { workspace, endpointId }: EndpointRef, timer: boolean, options: JobsOptions): Promise<boolean> {
    try {
      await queue.add(name, { workspace, endpointId, timer }, options)
      outage?.worked('queue')
      return true
    } catch (fault) {
      outage?.failed(fault, 'queue')
      return false
    }
  }

  /** Has an endpoint worked on: now, or after the one who is at it. */
  const tell = (lane: EndpointRef) => add('endpoint', lane, false, { deduplication: { id: lane.endpointId, keepLastIfActive: true } })

  /** The latest word counts: when an endpoint has been worked on, its next instant is known. */
  const tellLater = (lane: EndpointRef, delay: number) => add('timer', lane, true, { delay, deduplication: { id: `timer.${lane.endpointId}`, replace: true } })

  async function work (parts: EngineDeps, { workspace, endpointId }: EndpointRef): Promise<void> {
    const { store, clock, deliver } = parts
    const only = { workspace, endpointId }
    const limit = { limit: perEndpoint, perEndpoint, only }
    const { claims } = await store.claim(clock(), leaseOf(parts), limit)
    await Promise.all(claims.map(async (claim) => {
      const settled = await deliver(claim)
      if (settled !== undefined) await recordAttempt(parts, claim, settled)
    }))
    const { nextAt } = await store.claim(clock(), 0, { ...limit, limit: 0 })
    if (nextAt === undefined) return
    const delay = nextAt - clock()
    if (delay <= 0) await tell(only)
    else await tellLater(only, delay)
  }

  /** Tells of what no job tells of. */
  async function tellAll ({ store, clock }: EngineDeps): Promise<void> {
    // A lease of nothing: it only says where something is due.
    const { claims } = await store.claim(clock(), 0, { limit: 1000, perEndpoint: 1 })
    for (const { delivery } of claims) if (!await tell(delivery)) break
  }

  return {
    async start (parts) {
      const faults = createFailureLog(parts, 'the queue of webhooks failed', 'the queue of webhooks works again')
      const faultsOfStore = outageOfStore(parts)
      outage = faults

      async function run (name: string, job: Job): Promise<void> {
        faults.worked('worker')
        if (name === PROBE) return
        if (job.timer) await tell(job)
        // That the store works again is for the next sweep to say, which asks for all workspaces.
        else await work(parts, job).catch((fault: unknown) => faultsOfStore.failed(fault))
      }

      /** One at a time: what is added to a queue that fails may wait for long. */
      let looking = false
      async function look (): Promise<void> {
        if (looking) return
        looking = true
        if (faults.lasts()) await add(PROBE, { workspace: '', endpointId: '' }, false, { deduplication: { id: PROBE } })
        if (concurrency > 0) await faultsOfStore.tried(() => tellAll(parts))
        looking = false
      }

      if (concurrency > 0) {
        worker = new Worker<Job>(name, ({ name, data }) => run(name, data), {
          connection, concurrency, maxStalledCount: STALLS, lockDuration: stalledAfter * 1000, stalledInterval: stalledAfter * 1000
        })
        worker.on('error', (fault) => faults.failed(fault, 'worker'))
        worker.on('failed', (_job, fault) => parts.log(describeFault(fault), 'a job of webhooks was given up; what is due is found by a sweep'))
      }
      sweeping = setInterval(look, sweep * 1000).unref()
      await look()
    },
    async wake (deliveries) {
      const lanes = new Map(deliveries.map(({ workspace, endpointId }) => [endpointId, { workspace, endpointId }]))
      for (const lane of lanes.values()) if (!await tell(lane)) break
    },
    async close () {
      clearInterval(sweeping)
      await worker?.close()
      await queue.close()
    }
  }
}
