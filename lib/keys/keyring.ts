import { bearer, createPermissions, type CredentialPlace, type Resolver } from '../auth/index.js'
import type { Clock } from '../core/clock.js'
import { createBrokenLog } from '../core/broken-log.js'
import { describeFault } from '../core/errors.js'
import { timeLookup } from '../core/lookup-channel.js'
import { checkOptions, OptionError } from '../core/options.js'
import type { Step } from '../core/step.js'
import { storeReady } from '../core/store-ready.js'
import type { OnBroken } from '../core/stored-record.js'
import type { Emitter } from '../events/index.js'
import { checkForeign, createForeignSecrets } from './import/foreign-format.js'
import { createImportKeys } from './import/import-keys.js'
import { createSecrets } from './import/secrets.js'
import type { Keys } from './keys.js'
import { createKeyEvents } from './lifecycle/events.js'
import { createLifecycle } from './lifecycle/lifecycle.js'
import { readMetadataSchema } from './lifecycle/metadata-schema.js'
import { createPrivilege } from './lifecycle/privilege.js'
import { createMemoryKeyStore } from './memory/store.js'
import { createNoticeScanner, type NoticeScanner } from './notices/scanner.js'
import { keysOptions, type KeysOptions } from './options.js'
import { createSecretFormat } from './secret-format.js'
import type { KeyStore } from './store.js'
import { createRecordCache, type RecordCache } from './verification/record-cache.js'
import { createHostFields } from './verification/host-fields.js'
import { createKeyResolver } from './verification/resolver.js'
import { createRetirement, createStartGrace } from './verification/rotation-grace.js'
import { createUsageRecorder } from './verification/usage-recorder.js'
import { createUsageStep } from './verification/usage-step.js'
import { createUsedScopes } from './verification/used-scopes.js'
import { createVersionMarkers, type PublishVersion } from './verification/version-markers.js'

/** What keys need of the server that they are for. */
export interface KeysDeps {
  readonly clock: Clock
  /** Declared scopes; scopes of keys must be among them. */
  readonly scopes: readonly string[]
  /** All scopes that scopes grant, with what they imply; themselves alone by default. */
  readonly expand?: ((scopes: readonly string[]) => readonly string[]) | undefined
  /** Protection space of challenges; `api` by default. */
  readonly realm?: string | undefined
  /** Where requests present their credential, for challenges; `[bearer()]` by default. */
  readonly credentials?: readonly CredentialPlace[] | undefined
  /** Seconds that the store, the bus of changes and `permissionsOf` may take. */
  readonly deadline: number
  /** Writes version markers to the limits store, which every process reads at each request. */
  readonly publishVersion?: PublishVersion | undefined
  /** Where keys and their notices are emitted; nowhere by default. */
  readonly events?: Emitter | undefined
  /** Takes failures that no caller gets to see. */
  readonly log?: ((reason: string, message: string) => void) | undefined
  readonly inform?: ((message: string) => void) | undefined
}

/** The keys of one host, and what the request path needs of them. */
export interface Keyring {
  /** `app.latchkey.keys`. */
  readonly keys: Keys
  /** For `auth`. */
  readonly resolver: Resolver
  /** Those that keys can have. */
  readonly environments: readonly string[]
  /** Emits notices of keys: start it when the app is ready, close it before listeners. Undefined without events. */
  readonly notices: NoticeScanner | undefined
  /** The step after authorization, which records uses. @param schemes all security schemes that routes may name */
  createUsageStep (schemes: ReadonlyArray<Pick<Resolver, 'scheme' | 'kind'>>): Step
  /** Rejects where the store can never work as it is: call it when the server starts. */
  ready (): Promise<void>
  /** Writes the uses that are left, and ends everything that runs between requests. */
  close (): Promise<void>
}

const defaultTags = { live: 'production', test: 'sandbox' }
const DAY = 86_400

/**
 * The keys of one host. `latchkey` calls it; call it yourself where you compose a server of single plugins:
 *
 * ```ts
 * const keyring = createKeys({ prefix: 'acme', store }, { clock: Date.now, scopes: ['devices:read'], deadline: 1 })
 * await app.register(accessContext)
 * await app.register(auth, { resolvers: [keyring.resolver], environment: 'production' })
 * addKeys(app, keyring)
 * ```
 *
 * @throws OptionError
 */
export function createKeys (options: KeysOptions, deps: KeysDeps): Keyring {
  checkOptions(keysOptions, options, 'keys')
  const { prefix, tags = defaultTags, formats = {}, recordUse = true } = options
  const { fieldsOf, permissionsOf, permissionsMaxAge: maxAge = 10 } = options
  const { clock, scopes, expand = (scopes) => scopes, deadline, publishVersion, events } = deps
  const { log = ignore, inform = ignore, realm = 'api', credentials = [bearer()] } = deps

  const metadata = options.metadata && readMetadataSchema(options.metadata)
  const format = createSecretFormat(prefix, Object.keys(tags))
  const foreign = Object.entries(formats).map(([name, one]) => createForeignSecrets(name, one))
  const secrets = createSecrets(format, foreign)
  for (const tag of Object.keys(tags)) checkForeign(foreign, format.generate(tag))
  const tagOf = new Map(Object.entries(tags).map(([tag, environment]) => [environment, tag]))
  const given = options.store ?? createMemoryKeyStore()
  const cache = createCache(given, options.cache, deps)
  const store = cache ?? given
  const cacheAge = store.maxAge ?? 0
  const markers = publishVersion && createVersionMarkers({
    publishVersion,
    versionOf: async ({ workspace, id }) => (await store.get(workspace, id))?.version,
    maxAge: cacheAge,
    deadline,
    log
  })
  const onBroken = createBrokenLog(log)
  const notices = createNotices(options.notices, store, deps, onBroken)
  const lifecycle = createLifecycle({
    format,
    secrets,
    store,
    clock,
    deadline,
    scopes,
    tagOf,
    metadata,
    privilege: createPrivilege(expand, { realm, credentials }),
    publish: markers?.publish ?? (async () => cacheAge),
    onBroken,
    events: createKeyEvents({ events, clock, notices })
  })
  const permissions = permissionsOf && createPermissions({ permissionsOf, maxAge, expand, deadline, log })
  const interval = typeof recordUse === 'object' ? recordUse.interval : 60
  const recorder = recordUse === false ? undefined : createUsageRecorder({ store, clock, interval, deadline, log })

  return {
    keys: {
      ...lifecycle,
      import: createImportKeys({ formats: foreign, store, clock, deadline, scopes, tagOf, metadata }),
      secretPattern: format.pattern,
      forgetPermissions: (owner, workspace) => permissions?.forget(owner, workspace)
    },
    resolver: createKeyResolver({
      secrets,
      store: cache ?? timed(given),
      permissions,
      startGrace: createStartGrace({ beginGrace: lifecycle.beginGrace, clock, log, inform }),
      addHostFields: fieldsOf && createHostFields(fieldsOf),
      async reconnect () {
        try {
          await given.reconnect?.()
        } catch (fault) {
          log(describeFault(fault), 'the key store is behind, and did not connect anew')
        }
      }
    }),
    environments: [...tagOf.keys()],
    notices,
    createUsageStep (schemes) {
      const ofKeys = new Set(schemes.filter(({ kind }) => kind === 'api-key').map(({ scheme }) => scheme))
      const usedScopes = createUsedScopes(expand, (scheme) => ofKeys.has(scheme))
      return createUsageStep({ announceRetirement: createRetirement({ events, clock }), recorder, usedScopes })
    },
    ready: () => storeReady(given, deadline),
    async close () {
      await recorder?.close()
      markers?.close()
      cache?.release()
    }
  }
}

/** A store that answers from memory needs no cache. @throws OptionError for a cache that nothing would invalidate */
function createCache (store: KeyStore, options: KeysOptions['cache'], deps: KeysDeps): RecordCache | undefined {
  const { clock, deadline, publishVersion, log = ignore } = deps
  const hasMarkers = publishVersion !== undefined
  if (options === false || store.cached !== undefined || (options === undefined && !hasMarkers)) return undefined
  if (!hasMarkers && options?.changes === undefined) {
    throw new OptionError('option keys.cache would accept keys that were revoked elsewhere: nothing invalidates it. ' +
      'Give it changes: createProcessChanges() where only this process changes keys, ' +
      'or a limits.store with version markers (the Redis one), or leave it out')
  }
  const onError = (fault: unknown): void => log(describeFault(fault), 'the bus of key changes did not publish a change')
  return createRecordCache(store, { ...options, clock, deadline, onError })
}

function createNotices (
  options: KeysOptions['notices'] = {}, { notices }: KeyStore, deps: KeysDeps, onBroken: OnBroken
): NoticeScanner | undefined {
  const { clock, deadline, events, log = ignore, inform = ignore } = deps
  if (options === false || notices === undefined || events === undefined) return undefined
  const { thresholds = [30 * DAY, 7 * DAY, DAY], rotationAge = 90 * DAY, interval = 30 } = options
  const rules = { thresholds, rotationAge: rotationAge === false ? undefined : rotationAge }
  return createNoticeScanner({ notices, rules, events, clock, interval, deadline, log, inform, onBroken })
}

/** A store with `cached` answers from memory, or says itself what it waits for, as a record cache does. */
function timed (store: KeyStore): Pick<KeyStore, 'cached' | 'findByHash'> {
  if (store.cached !== undefined) return store
  return { findByHash: (hash, fresh) => timeLookup('keys', store.findByHash(hash, fresh)) }
}

function ignore (): void {}
