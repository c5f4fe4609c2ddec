import type { KeyView } from '../../management/index.js'
import { endsSoon, isLive, shouldRotate } from './key-facts.js'
import type { StringName } from './strings.js'

export interface Filter {
  readonly text: string
  /** Keys that work, or those that have ended. */
  readonly list: 'live' | 'ended'
  readonly only: OnlyName
}

export const noFilter: Filter = { text: '', list: 'live', only: 'all' }

/** Kinds of keys that a person may look for. */
export const only = {
  all: { label: 'all', fits: () => true },
  'rotate-soon': { label: 'rotateSoon', fits: shouldRotate },
  'expires-soon': { label: 'expiresSoon', fits: endsSoon },
  unused: { label: 'unused', fits: ({ lastUsedAt }) => lastUsedAt === undefined }
} as const satisfies Record<string, { label: StringName, fits: (key: KeyView, now: number) => boolean }>

export type OnlyName = keyof typeof only

export function isOnlyName (name: string): name is OnlyName {
  return Object.hasOwn(only, name)
}

export function filterKeys (keys: readonly KeyView[], filter: Filter, now: number): readonly KeyView[] {
  const { text, list, only: name } = filter
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '')
  const { fits }: { fits: (key: KeyView, now: number) => boolean } = only[name]
  return keys.filter((key) => isLive(key) === (list === 'live') && fits(key, now) &&
    words.every((word) => textOf(key).includes(word)))
}

function textOf ({ id, name = '', owner = '', scopes, secrets }: KeyView): string {
  return [id, name, owner, ...scopes, ...secrets.map(({ hint }) => hint)].join('\n').toLowerCase()
}

/** Puts keys as the server has just answered them into a list: known ones in their place, others at one end. */
export function mergeKeys (
  keys: readonly KeyView[], answered: readonly KeyView[], others: 'first' | 'last'
): readonly KeyView[] {
  const fresh = new Map(answered.map((key) => [key.id, key]))
  const known = new Set(keys.map(({ id }) => id))
  const unknown = answered.filter(({ id }) => !known.has(id))
  const updated = keys.map((key) => newer(key, fresh.get(key.id)))
  return others === 'first' ? [...unknown, ...updated] : [...updated, ...unknown]
}

/** An answer that was overtaken by a later one changes nothing. */
function newer (key: KeyView, other: KeyView | undefined): KeyView {
  return other === undefined || other.version < key.version ? key : other
}
