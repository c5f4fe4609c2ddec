/**
 * `fastify-latchkey/webhooks/bullmq`: an engine that delivers by queues of BullMQ. Needs `bullmq`.
 */

import { Type } from '@sinclair/typebox'
import { Queue, Worker, type ConnectionOptions, type JobsOptions } from 'bullmq'
import { describeFault } from '../../core/errors.js'
import { withTimeout } from '../../core/clock.js'
import { checkOptions } from '../../core/options.js'
import { createFailureLog, type FailureLog } from '../../core/failure-log.js'
import type { DeliveryEngine, EngineDeps } from '../engine.js'
import { createStoreFailureLog } from '../record-attempt.js'
import type { EndpointRef } from '../store.js'
import { createEndpointJob, type EndpointJob } from './endpoint-job.js'

/** Where the queue is, and how much this process delivers at a time. */
export interface BullmqEngineOptions {
  /** What BullMQ connects by: `{ host, port, … }`. */
  connection: ConnectionOptions
  /** Name of the queue; `latchkey-webhooks` by default. */
  queue?: string | undefined
  /** Endpoints that this process works on at a time; 50 by default, 0 for a process that only adds to the queue. */
  concurrency?: number | undefined
  /** Attempts in progress for one endpoint; 4 by default. */
  perEndpoint?: number | undefined
  /** Seconds between sweeps of the store for deliveries that no job leads to; 5 by default. */
  sweep?: number | undefined
  /** Seconds after which the job of a worker that died, or stands still, goes to another one; 30 by default. */
  stalledAfter?: number | undefined
}

const seconds = Type.Number({ exclusiveMinimum: 0, maximum: 3600, description: 'seconds above 0 and at most 3600' })
const name = { pattern: '^[A-Za-z0-9._-]{1,64}$', description: '1 to 64 letters, digits and characters of . _ -' }
const places = { minimum: 0, maximum: 10_000, description: 'a whole number from 0 to 10,000' }
const ofEndpoint = { minimum: 1, maximum: 1000, description: 'a whole number from 1 to 1000' }
const optionsSchema = Type.Object({
  connection: Type.Unknown(),
  queue: Type.Optional(Type.String(name)),
  concurrency: Type.Optional(Type.Integer(places)),
  perEndpoint: Type.Optional(Type.Integer(ofEndpoint)),
  sweep: Type.Optional(seconds),
  stalledAfter: Type.Optional(seconds)
}, { additionalProperties: false })

/** Workers that may die during one job before BullMQ gives it up; the next sweep then adds another one. */
const MAX_STALLS = 10
/** Seconds in which a queue that works takes the jobs that are being added; one that is down may never do so. */
const CLOSE_TIMEOUT = 1
/** Of one sweep. */
const SWEEP_BATCH_SIZE = 1000
/** Name of a job that shows whether a queue that failed works again: there may be no other job for a long time. */
const PROBE = 'probe'

interface Job extends EndpointRef {
  /** The job only waits until something is due, and then adds the one that delivers. */
  readonly timer: boolean
}

/**
 * Delivers by the workers of a BullMQ queue. A job stands for an endpoint, not for a delivery: each endpoint has one at
 * a time, which makes a few attempts and goes to the end of the queue, so an endpoint with a long queue delays nobody.
 * The deliveries are in the store, where a sweep finds them if the queue has lost a job.
 *
 * @throws OptionError
 */
export function createBullmqEngine (options: BullmqEngineOptions): DeliveryEngine {
  checkOptions(optionsSchema, options, 'engine')
  const { connection, queue: queueName = 'latchkey-webhooks', concurrency = 50, perEndpoint = 4 } = options
  const { sweep = 5, stalledAfter = 30 } = options
  const jobOptions = { removeOnComplete: true, removeOnFail: true }
  const queue = new Queue<Job>(queueName, { connection, defaultJobOptions: jobOptions })
  /** Those that run in this process, by endpoint. */
  const jobs = new Map<string, EndpointJob>()
  let queueFailures: FailureLog | undefined
  let worker: Worker<Job> | undefined
  let sweepTimer: NodeJS.Timeout | undefined
  const adding = new Set<Promise<boolean>>()
  let closed = false
  queue.on('error', queueFailed)

  /** A queue that is closed may fail: what it did not take is in the store, where another process finds it. */
  function queueFailed (fault: unknown): void {
    if (!closed) queueFailures?.failed(fault, 'queue')
  }

  /** @returns whether the queue has taken the job */
  async function add (name: string, job: Job, options: JobsOptions): Promise<boolean> {
    if (closed) return false
    const added = queue.add(name, job, options).then(() => {
      queueFailures?.worked('queue')
      return true
    }, (fault: unknown) => {
      queueFailed(fault)
      return false
    })
    adding.add(added)
    return await added.finally(() => { adding.delete(added) })
  }

  /** Adds the job of an endpoint: to run now, or after the one that is running. */
  async function enqueue ({ workspace, endpointId }: EndpointRef): Promise<boolean> {
    const deduplication = { id: endpointId, keepLastIfActive: true }
    return await add('endpoint', { workspace, endpointId, timer: false }, { deduplication })
  }

  /** Replaces the timer of an endpoint: its last job knows best when something is due. */
  async function enqueueLater ({ workspace, endpointId }: EndpointRef, delay: number): Promise<void> {
    const deduplication = { id: `timer.${endpointId}`, replace: true }
    await add('timer', { workspace, endpointId, timer: true }, { delay, deduplication })
  }

  async function deliverTo (endpoint: EndpointRef, deps: EngineDeps): Promise<void> {
    const job = createEndpointJob(endpoint, { perEndpoint, interval: sweep }, deps)
    jobs.set(endpoint.endpointId, job)
    const nextAt = await job.run().finally(() => { jobs.delete(endpoint.endpointId) })
    if (nextAt === undefined) return
    const delay = nextAt - deps.clock()
    if (delay <= 0) await enqueue(endpoint)
    else await enqueueLater(endpoint, delay)
  }

  /** Adds jobs for all endpoints that have something due. */
  async function enqueueDue ({ store, clock }: EngineDeps): Promise<void> {
    // A lease of 0 ms takes nothing: it only says which endpoints have something due.
    const { claims } = await store.claim(clock(), 0, { limit: SWEEP_BATCH_SIZE, perEndpoint: 1 })
    for (const { delivery } of claims) if (!await enqueue(delivery)) break
  }

  async function start (deps: EngineDeps): Promise<void> {
    const failures = createFailureLog(deps, 'the queue of webhooks failed', 'the queue of webhooks works again')
    const storeFailures = createStoreFailureLog(deps)
    queueFailures = failures

    async function run (name: string, job: Job): Promise<void> {
      failures.worked('worker')
      if (name === PROBE) return
      if (job.timer) await enqueue(job)
      // Whether the store works again, only a sweep can say: it asks for all workspaces.
      else await deliverTo(job, deps).catch((fault: unknown) => storeFailures.failed(fault))
    }

    let sweeping = false
    /** One sweep at a time: adding to a queue that fails may take long. */
    async function sweepNow (): Promise<void> {
      if (sweeping) return
      sweeping = true
      const probe = { workspace: '', endpointId: '', timer: false }
      if (failures.lasts()) await add(PROBE, probe, { deduplication: { id: PROBE } })
      if (concurrency > 0) await storeFailures.tried(() => enqueueDue(deps))
      sweeping = false
    }

    if (concurrency > 0) {
      const stall = stalledAfter * 1000
      const stalls = { maxStalledCount: MAX_STALLS, lockDuration: stall, stalledInterval: stall }
      worker = new Worker<Job>(queueName, ({ name, data }) => run(name, data), { connection, concurrency, ...stalls })
      worker.on('error', (fault) => failures.failed(fault, 'worker'))
      worker.on('failed', (_job, fault) => {
        deps.log(describeFault(fault), 'a job of webhooks was given up; a sweep finds what is due')
      })
    }
    sweepTimer = setInterval(sweepNow, sweep * 1000).unref()
    await sweepNow()
  }

  return {
    start,
    async wake (deliveries) {
      const endpoints = new Map(deliveries.map((delivery) => [delivery.endpointId, delivery]))
      for (const id of endpoints.keys()) jobs.get(id)?.wake()
      for (const endpoint of endpoints.values()) if (!await enqueue(endpoint)) break
    },
    async close () {
      clearInterval(sweepTimer)
      for (const job of jobs.values()) job.stop()
      await worker?.close()
      await withTimeout(Promise.all(adding), CLOSE_TIMEOUT, 'the queue').catch(() => {})
      closed = true
      await queue.close()
    }
  }
}
