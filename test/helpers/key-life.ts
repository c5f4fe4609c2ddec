import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { createKeys, MAX_SECRETS, type Keys, type KeyStore } from 'fastify-latchkey/keys'
import { InvalidCredential, type Resolver } from 'fastify-latchkey/auth'
import { fakeClock, type FakeClock } from 'fastify-latchkey/testing'
import { lookup } from './lookup.js'

interface Secret {
  readonly text: string
  /** Not valid from this instant on. */
  dies: number
  /** Seconds that it has after the first use of the next one. */
  waits: number | undefined
}

/** The expected state of a key. */
interface Life {
  readonly workspace: string
  readonly id: string
  readonly createdAt: number
  scopes: readonly string[]
  name: string | undefined
  expiresAt: number
  revoked: boolean
  version: number
  secrets: Secret[]
  /** Secrets before those. */
  forgotten: string[]
}

interface Model {
  now: number
  readonly lives: Life[]
}

interface Real {
  readonly keys: Keys
  readonly resolver: Resolver
  readonly clock: FakeClock
  readonly workspaces: readonly [string, string]
}

type Step = fc.AsyncCommand<Model, Real>

const SCOPES = ['devices:read', 'devices:write']

/** Why a caller with this secret is refused; true where it is let in. */
function expected (life: Life, secret: Secret | undefined, now: number): true | string | undefined {
  if (secret === undefined) return undefined
  if (life.revoked) return 'The API key was revoked.'
  if (now >= life.expiresAt && life.expiresAt <= secret.dies) return 'The API key has expired.'
  if (now >= secret.dies) return 'The API key was rotated; this is an earlier secret of it.'
  return true
}

/** The same, by the resolver. */
async function answer ({ resolver, clock }: Real, text: string, life: Life): Promise<true | string | undefined> {
  try {
    const principal = await resolver.resolve(text, clock.now(), lookup({ fresh: true, clock: clock.now }))
    assert.deepEqual([principal?.id, principal?.workspace, principal?.scopes, principal?.version], [life.id, life.workspace, life.scopes, life.version])
    return true
  } catch (fault) {
    if (fault instanceof InvalidCredential) return fault.detail
    throw fault
  }
}

/** A secret whose first use starts the grace period of the one before it. */
function awaited ({ secrets }: Life, at: number): boolean {
  const before = secrets[at - 1]
  return before?.waits !== undefined && before.dies === Infinity
}

/** Waits until a grace period has started, since no request waits for that. */
async function settled ({ keys }: Real, { workspace, id, version }: Life): Promise<void> {
  for (let i = 0; i < 1000 && (await keys.get(workspace, id)).version !== version; i++) await new Promise(setImmediate)
}

/** Compares everything that can be read of the keys, and every secret that there ever was. */
async function agree (model: Model, real: Real): Promise<void> {
  for (const life of model.lives) {
    const key = await real.keys.get(life.workspace, life.id)
    assert.deepEqual({
      version: key.version,
      name: key.name,
      scopes: key.scopes,
      revoked: key.revokedAt !== undefined,
      expiresAt: key.expiresAt?.getTime() ?? Infinity,
      createdAt: key.createdAt.getTime(),
      dies: key.secrets.map(({ retiresAt }) => retiresAt?.getTime() ?? Infinity),
      newest: key.secrets.at(-1)?.generation
    }, {
      version: life.version,
      name: life.name,
      scopes: life.scopes,
      revoked: life.revoked,
      expiresAt: life.expiresAt,
      createdAt: life.createdAt,
      dies: life.secrets.map(({ dies }) => dies),
      newest: life.forgotten.length + life.secrets.length
    })
    for (const [at, secret] of life.secrets.entries()) {
      if (!awaited(life, at)) assert.equal(await answer(real, secret.text, life), expected(life, secret, model.now))
    }
    for (const text of life.forgotten) assert.equal(await answer(real, text, life), undefined)
  }
  for (const workspace of real.workspaces) {
    const own = model.lives.filter((life) => life.workspace === workspace)
    own.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
    const listed: string[] = []
    for (let cursor: string | undefined, more = true; more;) {
      const page = await real.keys.list(workspace, { limit: 2, cursor })
      listed.push(...page.keys.map(({ id }) => id))
      cursor = page.next
      more = cursor !== undefined
    }
    assert.deepEqual(listed, own.map(({ id }) => id))
  }
}

/** @param works whether the change is expected to succeed; a conflict otherwise */
async function attempt<T> (works: boolean, work: Promise<T>): Promise<T | undefined> {
  if (works) return await work
  await assert.rejects(work, { code: 'KEY_CONFLICT' })
  return undefined
}

function anytime (name: string, run: (model: Model, real: Real) => Promise<void>): Step {
  return {
    check: () => true,
    async run (model, real) {
      await run(model, real)
      await agree(model, real)
    },
    toString: () => name
  }
}

/** A step of one of the existing keys. */
function ofKey (name: string, pick: number, run: (life: Life, model: Model, real: Real) => Promise<void>): Step {
  return {
    ...anytime(`${name} #${pick}`, async (model, real) => {
      const life = model.lives[pick % model.lives.length]
      if (life !== undefined) await run(life, model, real)
    }),
    check: ({ lives }) => lives.length > 0
  }
}

const seconds = fc.constantFrom(0, 1, 10, 60, 600)
const scopes = fc.subarray(SCOPES)
const pick = fc.nat(20)

const issue = fc.tuple(fc.constantFrom<0 | 1>(0, 1), scopes, fc.option(fc.constantFrom(1, 60, 3600))).map(([which, scopes, lasts]) =>
  anytime(`issue ${scopes} for ${lasts}`, async (model, { keys, workspaces }) => {
    const workspace = workspaces[which]
    const expiresAt = lasts === null ? Infinity : model.now + lasts * 1000
    const { key, secret } = await keys.issue({ workspace, scopes, ...lasts !== null && { expiresAt: new Date(expiresAt) } })
    model.lives.push({ workspace, id: key.id, createdAt: model.now, scopes, name: undefined, expiresAt, revoked: false, version: 1, secrets: [{ text: secret, dies: Infinity, waits: undefined }], forgotten: [] })
  }))

const advance = seconds.map((seconds) => anytime(`advance ${seconds}`, async (model, { clock }) => {
  clock.advance(seconds)
  model.now += seconds * 1000
}))

const rotate = fc.tuple(pick, seconds, fc.constantFrom('now', 'first-use')).map(([pick, grace, graceFrom]) => ofKey(`rotate ${grace} from ${graceFrom}`, pick, async (life, { now }, { keys }) => {
  const changed = await attempt(!life.revoked && now < life.expiresAt, keys.rotate(life.workspace, life.id, { grace, graceFrom }))
  if (changed === undefined) return
  const present = life.secrets.at(-1)
  if (graceFrom === 'first-use' && present !== undefined) present.waits = grace
  if (graceFrom === 'now') limit(life.secrets, now, now + grace * 1000)
  life.version++
  life.secrets.push({ text: changed.secret, dies: Infinity, waits: undefined })
  while (life.secrets.length > MAX_SECRETS) life.forgotten.push(life.secrets.shift()?.text ?? '')
}))

function limit (secrets: readonly Secret[], now: number, latest: number): void {
  for (const secret of secrets) {
    if (secret.dies === Infinity && secret.waits !== undefined) secret.dies = now + secret.waits * 1000
    if (secret.dies > latest) secret.dies = latest
  }
}

/** @param directly calls `beginGrace`, as a process does that saw a use before the key ended */
const use = fc.tuple(pick, fc.nat(MAX_SECRETS), fc.boolean()).map(([pick, back, directly]) => ofKey(`use ${back} back, ${directly}`, pick, async (life, { now }, real) => {
  const at = life.secrets.length - 1 - back
  const secret = life.secrets[at]
  if (directly) await real.keys.beginGrace(life.workspace, life.id, life.forgotten.length + at + 1)
  else if (secret !== undefined) assert.equal(await answer(real, secret.text, life), expected(life, secret, now))
  if (life.revoked || !awaited(life, at) || (!directly && expected(life, secret, now) !== true)) return
  limit(life.secrets.slice(0, at), now, now + Number(life.secrets[at - 1]?.waits) * 1000)
  life.version++
  await settled(real, life)
}))

const revoke = pick.map((pick) => ofKey('revoke', pick, async (life, _model, { keys }) => {
  await keys.revoke(life.workspace, life.id)
  if (!life.revoked) life.version++
  life.revoked = true
}))

const expire = pick.map((pick) => ofKey('expire', pick, async (life, { now }, { keys }) => {
  const changed = await attempt(!life.revoked, keys.expire(life.workspace, life.id))
  if (changed === undefined || life.expiresAt <= now) return
  life.expiresAt = now
  life.version++
}))

const update = fc.tuple(pick, fc.option(scopes), fc.option(fc.constantFrom('a', 'b')), fc.option(fc.constantFrom(1, 600)), fc.nat(4)).map(([pick, scopes, name, lasts, stale]) => ofKey(`update ${scopes} ${name} ${lasts}`, pick, async (life, { now }, { keys }) => {
  const late = stale === 0
  const changed = await attempt(!life.revoked && !late, keys.update(life.workspace, life.id, {
    name,
    ...scopes !== null && { scopes },
    ...lasts !== null && { expiresAt: new Date(now + lasts * 1000) },
    ...late && { version: life.version + 1 }
  }))
  if (changed === undefined) return
  const before = JSON.stringify([life.name, life.scopes, String(life.expiresAt)])
  life.name = name ?? undefined
  life.scopes = scopes ?? life.scopes
  life.expiresAt = lasts === null ? life.expiresAt : now + lasts * 1000
  if (JSON.stringify([life.name, life.scopes, String(life.expiresAt)]) !== before) life.version++
}))

const report = fc.tuple(pick, fc.nat(MAX_SECRETS)).map(([pick, back]) => ofKey(`report ${back} back`, pick, async (life, { now }, { keys }) => {
  const secret = life.secrets.at(-1 - back)
  const answer = await keys.reportExposed([secret?.text ?? life.forgotten[0] ?? 'nothing'])
  assert.deepEqual(answer, { received: 1 })
  if (secret === undefined || expected(life, secret, now) !== true) return
  life.revoked = true
  life.version++
}))

/**
 * Runs random lives of keys on a store and on a model of it, and compares everything that can be read after each step.
 * @param open opens the store; several runs may share one database
 */
export async function liveKeys (open: () => KeyStore | Promise<KeyStore>, { numRuns = 100, close = async () => {} }: { numRuns?: number, close?: (store: KeyStore) => Promise<void> } = {}): Promise<void> {
  const steps = fc.commands([issue, advance, rotate, rotate, use, use, revoke, expire, update, report], { maxCommands: 40 })
  await fc.assert(fc.asyncProperty(steps, async (steps) => {
    const store = await open()
    const clock = fakeClock()
    const { keys, resolver } = createKeys({ prefix: 'acme', store }, { clock: clock.now, scopes: SCOPES, deadline: 10 })
    const run = randomUUID()
    const real: Real = { keys, resolver, clock, workspaces: [`${run}-a`, `${run}-b`] }
    try {
      await fc.asyncModelRun(() => ({ model: { now: clock.now(), lives: [] }, real }), steps)
    } finally {
      await close(store)
    }
  }), { numRuns })
}
