import { randomBytes } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import latchkey, { allowPlainHttp, bearer, defineScopes, InvalidCredential, notFound, type LatchkeyOptions, type Resolver } from 'fastify-latchkey'
import { createSecretFormat, hashSecret } from 'fastify-latchkey/keys'
import { createMemoryLimitStore, type LimitStore } from 'fastify-latchkey/limits'
import { routeUpgrades, serverOptions, upgradeOf } from 'fastify-latchkey/server'
import type { Canaries } from './find.js'

export const scopes = defineScopes({ resources: { devices: ['read', 'write'] } })

/** Every secret of one sweep: what clients send, and what faults of stores and resolvers carry. */
export interface Secrets {
  readonly keys: Readonly<Record<KeyName, string>>
  /** Texts that clients send, or that faults carry. */
  readonly words: Readonly<Record<Word, string>>
}

type Word = 'query' | 'fragment' | 'user' | 'basic' | 'cookie' | 'proxy' | 'body' | 'form' | 'faultMessage' | 'faultProperty' | 'faultCause' | 'faultToken' | 'handlerProperty' | 'handlerCause'
type KeyName = 'reader' | 'poor' | 'outage' | 'sandbox' | 'unknown' | 'almost' | 'late'

export function createSecrets (keys: Omit<Secrets['keys'], 'unknown' | 'almost' | 'late'>): Secrets {
  const text = createSecretFormat('acme', ['live', 'test'])
  const almost = text.generate('live')
  return {
    keys: { ...keys, unknown: text.generate('live'), almost: almost.slice(0, -1) + (almost.endsWith('0') ? '1' : '0'), late: text.generate('live') },
    words: {
      query: word(),
      fragment: word(),
      user: word(),
      basic: word(),
      cookie: word(),
      proxy: word(),
      body: word(),
      form: word(),
      faultMessage: word(),
      faultProperty: word(),
      faultCause: word(),
      faultToken: word(),
      handlerProperty: word(),
      handlerCause: word()
    }
  }
}

/** Nothing that a rule for keys would find. */
function word (): string {
  return randomBytes(12).toString('hex').replace(/.{4}(?=.)/g, '$&-')
}

/** What must not show: of keys the secret and the checksum, and every hash. Key ids and hints are no secrets. */
export function canariesOf ({ keys, words }: Secrets): Canaries {
  const found: Record<string, string> = { ...words }
  for (const [name, text] of Object.entries(keys)) {
    found[`key ${name}`] = text.slice(-49)
    found[`hash ${name}`] = hashSecret(text).slice('sha256:'.length)
    found[`hash ${name} in hex`] = Buffer.from(hashSecret(text).slice('sha256:'.length), 'base64url').toString('hex')
  }
  return found
}

/** A fault as stores and clients throw them: secrets in the message, in properties, in the cause and its message. */
function fault (message: string, property: string, cause: string): Error {
  return Object.assign(new Error(message, { cause: Object.assign(new Error(cause), { detail: cause }) }), {
    command: { name: 'evalsha', args: [property, Buffer.from(property)] },
    config: { headers: { authorization: `Bearer ${property}` } },
    rawPacket: Buffer.from(property),
    errors: [new Error(property)]
  })
}

/** What was thrown need not be an error. */
function toss (value: unknown): never {
  throw value
}

function failingResolver (secrets: () => Secrets, places: Resolver['places'] = [bearer()]): Resolver {
  const plain = () => {
    const { faultMessage, faultProperty, faultCause } = secrets().words
    return fault(faultMessage, faultProperty, faultCause)
  }
  const ways: Record<string, (token: string) => never> = {
    'throws-fault': () => toss(plain()),
    'throws-named': () => toss(Object.assign(plain(), { name: secrets().words.faultMessage, code: secrets().words.faultProperty })),
    'throws-text': () => toss(secrets().words.faultMessage),
    'throws-object': () => toss({ token: secrets().words.faultMessage }),
    'throws-trap': () => toss(Object.defineProperty(plain(), 'code', { get: () => toss(plain()) })),
    'quotes-token': (token) => toss(new InvalidCredential(`token ${token} is bad`, `The token ${token} is bad.`))
  }
  return {
    scheme: 'partner',
    kind: 'access-token',
    description: { type: 'http', scheme: 'bearer' },
    places,
    resolve (token) {
      const way = Object.keys(ways).find((name) => token.startsWith(name))
      if (way !== undefined) ways[way]?.(token)
      if (token.startsWith('rejects')) return Promise.reject(plain())
      if (token.startsWith('never')) return new Promise(() => {})
      if (token.startsWith('no-principal')) return Promise.resolve(Object(secrets().words.faultMessage))
      return undefined
    }
  }
}

function failingStore (secrets: () => Secrets): LimitStore {
  const memory = createMemoryLimitStore()
  return {
    take (take) {
      const { caller } = take
      if (caller.kind === 'anonymous' || caller.owner !== 'outage') return memory.take(take)
      const { faultMessage, faultProperty, faultCause } = secrets().words
      throw Object.assign(fault(faultMessage, faultProperty, faultCause), { name: 'ReplyError', code: 'OOM' })
    }
  }
}

export interface Heard { readonly decisions: unknown[], readonly exposures: unknown[] }

/** An app with everything on that logs or reports, all of it failing with secrets in hand. */
export async function createTarget (logger: FastifyServerOptions['logger'], options: Partial<LatchkeyOptions>, guarded = true) {
  const heard: Heard = { decisions: [], exposures: [] }
  const server = { logger: logger ?? false, bodyLimit: 1000, routerOptions: { maxParamLength: 80 } }
  const app = Fastify(guarded ? serverOptions(server, options) : server)
  if (guarded) logFields(app, ['authorization', 'cookie', 'x-api-key', ...(options.credentials ?? []).flatMap((place) => place.type === 'header' ? [place.name] : [])])
  let secrets = createSecrets({ reader: '', poor: '', outage: '', sandbox: '' })
  const current = () => secrets
  if (guarded) app.setNotFoundHandler(notFound)
  await app.register(latchkey, {
    scopes,
    environment: 'production',
    keys: { prefix: 'acme' },
    resolvers: [failingResolver(current, options.credentials)],
    transport: allowPlainHttp,
    deadline: 0.05,
    failures: { quota: 60, window: 60 },
    limits: {
      store: failingStore(current),
      environments: { production: [{ name: 'production', quota: 30, window: 60 }] },
      onDecision (decision) {
        heard.decisions.push(decision)
        throw fault(secrets.words.faultMessage, secrets.words.faultProperty, secrets.words.faultCause)
      }
    },
    ...options
  })
  if (guarded) {
    app.latchkey.events.on(['key.exposed', 'token.exposed'], (event) => {
      heard.exposures.push(event)
      throw fault(secrets.words.faultMessage, secrets.words.faultProperty, secrets.words.faultCause)
    })
  }
  const issue = async (environment: 'production' | 'sandbox', owner: string, ...names: Array<'devices:read' | 'devices:write'>) =>
    (await app.latchkey.keys.issue({ workspace: 'w', environment, owner, scopes: names })).secret
  secrets = createSecrets({
    reader: await issue('production', 'reader', 'devices:read', 'devices:write'),
    poor: await issue('production', 'poor'),
    outage: await issue('production', 'outage', 'devices:read'),
    sandbox: await issue('sandbox', 'sandbox', 'devices:read')
  })
  addRoutes(app, current)
  if (guarded) routeUpgrades(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, secrets, heard }
}

/** A host that logs header fields, credentials among them. */
function logFields (app: FastifyInstance, fields: readonly string[]): void {
  app.addHook('onRequest', async ({ log, headers }) => {
    log.debug({ headers: Object.fromEntries(fields.map((field) => [field, headers[field]])) }, 'header fields')
  })
}

function addRoutes (app: FastifyInstance, secrets: () => Secrets): void {
  const body = { type: 'object', required: ['name'], properties: { name: { type: 'string', maxLength: 5 } }, additionalProperties: false }
  app.get('/devices', { schema: scopes.secure('devices:read') }, async () => ({ devices: [] }))
  app.get('/devices/:id', { schema: scopes.secure('devices:read') }, async () => ({}))
  app.get('/heavy', { schema: scopes.secure('devices:read', { cost: 1000 }) }, async () => ({}))
  app.get('/open', { schema: scopes.public() }, async () => ({}))
  app.post('/devices', { schema: { ...scopes.secure('devices:write'), body } }, async () => ({}))
  app.get('/throws', { schema: scopes.public() }, async () => {
    throw fault('a handler failed', secrets().words.handlerProperty, secrets().words.handlerCause)
  })
  app.get('/sends-twice', { schema: scopes.public() }, (_request, reply) => {
    reply.send({})
    reply.send({})
  })
  app.get('/events', { schema: scopes.secure('devices:read') }, (request, reply) => {
    const upgrade = upgradeOf(request)
    if (upgrade === undefined) {
      reply.code(426).send()
      return
    }
    reply.hijack()
    upgrade.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n')
  })
}
