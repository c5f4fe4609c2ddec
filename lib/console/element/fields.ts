import type { KeyView } from '../../management/index.js'
import { nothing, textCell, timeCell, type Cell, type Field, type Reading } from './cells.js'
import { lastChange } from './changed-by.js'
import {
  endsSoon, isCountAhead, isLive, isRotationOverdue, newestSecret, retiringSecret, shouldRotate, type CountedKey
} from './key-facts.js'
import { fill, type Strings } from './strings.js'
import { dayWords, duration, timeWords } from './time-words.js'

/** Columns of the list after the name; scopes and status have views of their own. */
export const columns: ReadonlyArray<Field<CountedKey>> = [
  { name: 'environment', label: 'environment', cell: ({ environment }) => textCell(environment) },
  {
    name: 'last-used',
    label: 'lastUsed',
    cell: lastUsedCell
  },
  {
    name: 'expires',
    label: 'expires',
    cell: ({ expiresAt }, reading) => timeCell(expiresAt, reading, reading.strings.never)
  }
]

/** The same for keys that have ended: when they did. */
export const endedColumns: ReadonlyArray<Field<CountedKey>> = [
  ...columns.slice(0, -1),
  {
    name: 'ended',
    label: 'endedAt',
    cell: ({ revokedAt, expiresAt }, reading) => timeCell(revokedAt ?? expiresAt, reading)
  }
]

/** What the details of a key show, in this order. A field with nothing to show is left out. */
export const details: ReadonlyArray<Field<CountedKey>> = [
  { name: 'id', label: 'id', cell: ({ id }) => ({ kind: 'code', text: id }) },
  { name: 'owner', label: 'owner', cell: ({ owner }) => textCell(owner) },
  { name: 'tier', label: 'tier', cell: ({ tier }) => textCell(tier) },
  { name: 'created', label: 'created', cell: ({ createdAt }, reading) => timeCell(createdAt, reading) },
  ...lastChange,
  {
    name: 'rotate-by',
    label: 'rotateBy',
    cell: (key, reading) => timeCell(isLive(key) ? key.rotateBy : undefined, reading)
  },
  { name: 'revoked', label: 'revoked', cell: ({ revokedAt }, reading) => timeCell(revokedAt, reading) },
  { name: 'reason', label: 'revokedReason', cell: ({ revokedReason }) => textCell(revokedReason) },
  { name: 'scopes', label: 'scopes', cell: scopesCell },
  { name: 'secrets', label: 'secrets', cell: secretsCell },
  { name: 'notes', label: 'notes', cell: notesCell }
]

function lastUsedCell (key: CountedKey, reading: Reading): Cell {
  const { lastUsedAt, countedAt = 0 } = key
  if (isCountAhead(key)) return textCell(dayWords(countedAt, reading.now, reading.locale))
  return timeCell(lastUsedAt, reading, reading.strings.neverUsed)
}

function scopesCell (key: CountedKey, { now, locale, strings }: Reading): Cell {
  const { scopes, scopesUsedAt = {} } = key
  const unused = isCountAhead(key) ? strings.scopeUnknown : strings.scopeUnused
  if (scopes.length === 0) return textCell(strings.noScopes)
  const used = new Map<string, unknown>(Object.entries(scopesUsedAt))
  const names = [...new Set([...scopes, ...used.keys()])]
  return {
    kind: 'rows',
    rows: names.map((scope) => {
      const at = used.get(scope)
      if (typeof at !== 'string') return { code: scope, note: unused }
      const { words, exact } = timeWords(at, now, locale)
      return { code: scope, note: fill(strings.scopeUsed, { when: words }), exact }
    })
  }
}

function secretsCell ({ secrets }: KeyView, { now, locale, strings }: Reading): Cell {
  const rows = secrets.toReversed().map(({ hint, retiresAt, graceAfterFirstUse }, i) => {
    const code = hint === '' ? strings.noHint : `${hint}…`
    if (i === 0) return { code, note: strings.secretNewest }
    if (retiresAt === undefined) {
      return { code, note: fill(strings.secretAfterUse, { time: duration(graceAfterFirstUse ?? 0, locale) }) }
    }
    const { words, exact } = timeWords(retiresAt, now, locale)
    const note = Date.parse(retiresAt) > now ? strings.secretRetires : strings.secretRetired
    return { code, note: fill(note, { when: words }), exact }
  })
  return { kind: 'rows', rows }
}

function notesCell ({ metadata = {} }: KeyView): Cell {
  const pairs = Object.entries(metadata).map(([name, value]) => [name, String(value)] as const)
  return pairs.length === 0 ? nothing : { kind: 'pairs', pairs }
}

export interface Badge {
  readonly tone: 'success' | 'warning' | 'danger' | 'neutral'
  readonly text: string
  readonly exact?: string
}

/** What a person should notice of a key at first sight. */
export function badgesOf (key: KeyView, { now, locale, strings }: Reading): readonly Badge[] {
  if (key.status === 'revoked') return [{ tone: 'danger', text: strings.revoked }]
  if (key.status === 'expired') return [{ tone: 'neutral', text: strings.expired }]
  const retiresAt = retiringSecret(key, now)
  return [
    ...rotationBadge(key, now, strings),
    ...endsSoon(key, now) ? [{ tone: 'warning', text: strings.expiresSoon } as const] : [],
    ...retiresAt === undefined ? [] : [retiringBadge(retiresAt.retiresAt, { now, locale, strings })]
  ]
}

function rotationBadge (key: KeyView, now: number, strings: Strings): readonly Badge[] {
  if (isRotationOverdue(key, now)) return [{ tone: 'danger', text: strings.rotationOverdue }]
  return shouldRotate(key, now) ? [{ tone: 'warning', text: strings.rotateSoon }] : []
}

function retiringBadge (retiresAt: string | undefined, { now, locale, strings }: Reading): Badge {
  if (retiresAt === undefined) return { tone: 'neutral', text: strings.retiringAfterUse }
  const { words, exact } = timeWords(retiresAt, now, locale)
  return { tone: 'neutral', text: fill(strings.retiring, { when: words }), exact }
}

/** The name of a key for people. */
export function nameOf ({ name }: KeyView, strings: Strings): string {
  return name ?? strings.unnamed
}

/** By which people recognise the newest secret; undefined where nobody knows it, as of keys of another system. */
export function hintOf (key: KeyView): string | undefined {
  const { hint = '' } = newestSecret(key) ?? {}
  return hint === '' ? undefined : `${hint}…`
}
