import type { StringName } from './strings.js'

/** Why the server did not do what was asked. */
export interface Trouble {
  readonly kind: TroubleKind
  /** What the server said of it, for people. */
  readonly detail?: string | undefined
  /** Seconds after which to try again. */
  readonly retryAfter?: number | undefined
}

export type TroubleKind = 'offline' | 'unsure' | 'signed-out' | 'forbidden' | 'missing' | 'conflict' | 'refused' |
  'invalid' | 'limited' | 'outage' | 'failed'

export type TroubleTexts = Readonly<Record<TroubleKind, StringName>>

export const troubleTexts: TroubleTexts = {
  offline: 'troubleOffline',
  unsure: 'troubleUnsure',
  'signed-out': 'troubleSignedOut',
  forbidden: 'troubleForbidden',
  missing: 'troubleMissing',
  conflict: 'troubleConflict',
  refused: 'troubleRefused',
  invalid: 'troubleInvalid',
  limited: 'troubleLimited',
  outage: 'troubleOutage',
  failed: 'troubleFailed'
}

const byStatus: ReadonlyMap<number, TroubleKind> = new Map([
  [400, 'invalid'], [401, 'signed-out'], [403, 'forbidden'], [404, 'missing'], [409, 'conflict'], [413, 'invalid'],
  [415, 'invalid'], [422, 'invalid'], [429, 'limited']
])

/** Kinds of which the server says more than we know. */
const EXPLAINED: readonly TroubleKind[] = ['forbidden', 'invalid', 'conflict', 'failed']

/** Reads a refusal by its status, since hosts render errors as they like. */
export function readTrouble (status: number, body: string, retryAfter: string | null): Trouble {
  const kind = byStatus.get(status) ?? (status >= 500 ? 'outage' : 'failed')
  const seconds = Number(retryAfter ?? undefined)
  return {
    kind,
    detail: EXPLAINED.includes(kind) ? detailOf(body) : undefined,
    retryAfter: Number.isFinite(seconds) ? seconds : kind === 'limited' ? 60 : undefined
  }
}

function detailOf (body: string): string | undefined {
  try {
    const { detail, message, error }: Record<string, unknown> = Object(JSON.parse(body))
    const text = [detail, message, error].find((one) => typeof one === 'string')
    return typeof text === 'string' ? text.slice(0, 400) : undefined
  } catch {
    return undefined
  }
}
