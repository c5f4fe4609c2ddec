import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import { withTimeout } from '../core/clock.js'
import { describeFault } from '../core/errors.js'
import type { Principal } from '../core/principal.js'
import type { RouteAccess } from '../core/route-access.js'
import { writeLog } from '../core/write-log.js'
import type { Decide, Ruling } from './decide.js'
import type { Profiles } from './profiles.js'
import type { LimitStore } from './store.js'

export interface ReloadDeps {
  readonly context: AccessContext
  readonly decide: Decide
  readonly profiles: Profiles
  readonly store: LimitStore
  /** Seconds. */
  readonly deadline: number
}

export interface Reloaded { readonly principal: Principal, readonly ruling: Ruling }

export type Reload = (
  request: FastifyRequest, access: RouteAccess, stale: Principal, ruling: Ruling
) => Promise<Reloaded>

/**
 * Re-authenticates a request whose principal is, or may be, out of date, and publishes the version of the loaded record
 * where the store can be asked. Where other policies apply now, they decide.
 *
 * @throws AccessError when the credential is no longer valid, or when the store fails
 */
export function createReload ({ context, decide, profiles, store, deadline }: ReloadDeps): Reload {
  /** Where this fails, the next request loads the record again, so this request goes on. */
  async function publish (request: FastifyRequest, principal: Principal): Promise<void> {
    const { version } = principal
    if (version === undefined || store.publishVersion === undefined) return
    try {
      await withTimeout(store.publishVersion(principal, version), deadline, 'the limit store')
    } catch (fault) {
      const entry = { reason: describeFault(fault), principal: principal.id }
      const message = 'a changed key was loaded, and its version could not be published'
      writeLog(() => request.log.warn(entry, message), message)
    }
  }

  return async function reload (request, access, stale, ruling) {
    const principal = await context.reauthenticate(request, ruling.versionMarker)
    if (ruling.stale === 'outdated') await publish(request, principal)
    const isDecided = profiles.select(access, principal) === profiles.select(access, stale)
    return { principal, ruling: isDecided ? ruling : await decide(access, principal) }
  }
}
