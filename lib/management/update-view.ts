import type { Static } from '@sinclair/typebox'
import type { Principal } from '../core/principal.js'
import type { EventActor } from '../events/index.js'
import type { updatedBy } from './schemas.js'

interface Updated {
  readonly updatedAt?: Date
  readonly updatedBy?: EventActor
}

interface UpdateView {
  readonly updatedAt?: string
  readonly updatedBy?: Static<typeof updatedBy>
}

/** When a record was last changed, and by whom. The owner is what keys show of people, too. @param by who asks */
export function viewOfUpdate ({ updatedAt, updatedBy: actor }: Updated, by: Principal): UpdateView {
  return {
    ...updatedAt && { updatedAt: updatedAt.toISOString() },
    ...actor && {
      updatedBy: {
        kind: actor.kind,
        ...actor.owner !== undefined && { owner: actor.owner },
        you: actor.kind === by.kind && actor.id === by.id
      }
    }
  }
}
