import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { contextOf, offers } from '../core/access-context.js'
import { AccessError, describeFault } from '../core/errors.js'
import { checkOptions, OptionError } from '../core/options.js'
import { refusalOfBody } from './frame.js'
import { createScannerKeys } from './scanner-keys.js'

/** Options of `secretScanningRoute`. */
export interface SecretScanningOptions {
  /** Revokes the keys whose secrets were found, which is the default; `false` only emits `key.exposed`. */
  revoke?: boolean | undefined
  /** Where the public keys of the scanner are; GitHub's by default. */
  publicKeysUrl?: string | undefined
}

const GITHUB_KEYS = 'https://api.github.com/meta/public_keys/secret_scanning'
const FETCH_TIMEOUT_MS = 5_000
/** Secrets that are looked up by one call of `reportExposed`. */
const BATCH_SIZE = 1_000
/** A report may have thousands of matches, of about 200 bytes each. */
const MAX_BODY = 4 * 1024 * 1024

const optionsSchema = Type.Object({
  revoke: Type.Optional(Type.Boolean({ description: 'true or false' })),
  publicKeysUrl: Type.Optional(Type.String({ pattern: '^https?://', description: 'a URL' })),
  prefix: Type.Optional(Type.Unknown()),
  logLevel: Type.Optional(Type.Unknown()),
  logSerializers: Type.Optional(Type.Unknown())
}, { additionalProperties: false })

const report = Type.Array(Type.Object({ token: Type.String() }))

/**
 * The endpoint of GitHub's secret scanning partner program: GitHub sends it secrets of yours that somebody published.
 * Their keys are revoked, and `key.exposed` is emitted. Register it after `latchkey`, below a prefix of your choice,
 * and give GitHub its URL and `app.latchkey.keys.secretPattern`.
 *
 * ```ts
 * await app.register(secretScanningRoute, { prefix: '/secret-scanning' })
 * ```
 *
 * A report without a good signature is 400 whatever is wrong with it. The answer to a good one does not say which
 * secrets are real.
 *
 * @throws OptionError at boot
 */
export async function secretScanningRoute (app: FastifyInstance, options: SecretScanningOptions): Promise<void> {
  checkOptions(optionsSchema, options, 'secretScanningRoute')
  if (!offers(app, 'keys')) {
    throw new OptionError('register secretScanningRoute after latchkey, in a context where it has keys')
  }
  const { revoke = true, publicKeysUrl = GITHUB_KEYS } = options
  const { keys } = app.latchkey
  const context = contextOf(app)
  const scanner = createScannerKeys(() => fetchJson(publicKeysUrl), context.clock)

  async function isSigned (body: Buffer, identifier: string, signature: string): Promise<boolean> {
    try {
      return await scanner.isSigned(body, identifier, signature)
    } catch (fault) {
      const reason = `the public keys of the secret scanner could not be loaded: ${describeFault(fault)}`
      throw context.refusal('KEYS_UNAVAILABLE', { reason, retryAfter: 1 })
    }
  }

  const refuse = (reason: string): AccessError => context.refusal('BAD_REQUEST', { reason })

  function signatureOf (request: FastifyRequest) {
    const identifier = headerOf(request, 'github-public-key-identifier')
    const signature = headerOf(request, 'github-public-key-signature')
    if (identifier === undefined || signature === undefined) throw refuse('not signed')
    return { identifier, signature }
  }

  async function readReport (request: FastifyRequest): Promise<readonly string[]> {
    const { body } = request
    const { identifier, signature } = signatureOf(request)
    if (!Buffer.isBuffer(body)) throw refuse('without a body')
    if (!await isSigned(body, identifier, signature)) throw refuse('its signature is not good')
    const found = parse(body)
    if (!Value.Check(report, found)) throw refuse('not a list of secrets')
    return found.map(({ token }) => token)
  }

  app.removeAllContentTypeParsers()
  // The signature is over the bytes, whatever they are.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler<FastifyError>(function answerRefusal (fault, request, reply) {
    const error = fault instanceof AccessError ? fault : refusalOfBody(fault, 'BAD_REQUEST', context.refusal)
    if (error === undefined) throw fault
    context.refuse(request, reply, error)
  })
  app.post('/', {
    schema: { security: [], hide: true },
    bodyLimit: MAX_BODY,
    prefixTrailingSlash: 'no-slash',
    // Before the body is read: whoever does not sign makes the server read nothing.
    onRequest: async (request) => { signatureOf(request) }
  }, async (request, reply) => {
    const secrets = await readReport(request)
    for (let i = 0; i < secrets.length; i += BATCH_SIZE) {
      await keys.reportExposed(secrets.slice(i, i + BATCH_SIZE), { revoke })
    }
    reply.header('cache-control', 'no-store')
    return []
  })
}

/** Of both generations of GitHub's fields: with and without `X-`. */
function headerOf ({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name] ?? headers[`x-${name}`]
  return typeof value === 'string' ? value : undefined
}

function parse (body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

async function fetchJson (url: string): Promise<unknown> {
  const headers = { accept: 'application/json', 'user-agent': 'fastify-latchkey' }
  const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) })
  if (!response.ok) throw new Error('the list of public keys was not answered')
  return await response.json()
}
