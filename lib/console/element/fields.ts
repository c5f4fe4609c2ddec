import type { KeyView } from '../../management/index.js'
import { nothing, textCell, timeCell, type Cell, type Field, type Reading } from './cells.js'
import { lastChange } from './changed-by.js'
import { endsSoon, isLive, newestSecret, retiringSecret, shouldRotate } from './key-facts.js'
import { fill, type Strings } from './strings.js'
import { duration, timeWords } from './time-words.js'

/** Columns of the list after the name; scopes and status have views of their own. */
export const columns: ReadonlyArray<Field<KeyView>> = [
  { name: 'environment', label: 'environment', cell: ({ environment }) => textCell(environment) },
  {
    name: 'last-used',
    label: 'lastUsed',
    cell: ({ lastUsedAt }, reading) => timeCell(lastUsedAt, reading, reading.strings.neverUsed)
  },
  {
    name: 'expires',
    label: 'expires',
    cell: ({ expiresAt }, reading) => timeCell(expiresAt, reading, reading.strings.never)
  }
]

/** The same for keys that have ended: when they did. */
export const endedColumns: ReadonlyArray<Field<KeyView>> = [
  ...columns.slice(0, -1),
  {
    name: 'ended',
    label: 'endedAt',
    cell: ({ revokedAt, expiresAt }, reading) => timeCell(revokedAt ?? expiresAt, reading)
  }
]

/** What the details of a key show, in this order. A field with nothing to show is left out. */
export const details: ReadonlyArray<Field<KeyView>> = [
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

function scopesCell ({ scopes, scopesUsedAt = {} }: KeyView, { now, locale, strings }: Reading): Cell {
  if (scopes.length === 0) return textCell(strings.noScopes)
  const used = new Map<string, unknown>(Object.entries(scopesUsedAt))
  const names = [...new Set([...scopes, ...used.keys()])]
  return {
    kind: 'rows',
    rows: names.map((scope) => {
      const at = used.get(scope)
      if (typeof at !== 'string') return { code: scope, note: strings.scopeUnused }
      const { words, exact } = timeWords(at, now, locale)
      return { code: scope, note: fill(strings.scopeUsed, { when: words }), exact }
    })
  }
}

function secretsCell ({ secrets }: KeyView, { now, locale, strings }: Reading): Cell {
  const rows = secrets.toReversed().map(({ hint, retiresAt, graceAfterFirstUse }, i) => {
    const code = `${hint}…`
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
    ...shouldRotate(key, now) ? [{ tone: 'warning', text: strings.rotateSoon } as const] : [],
    ...endsSoon(key, now) ? [{ tone: 'warning', text: strings.expiresSoon } as const] : [],
    ...retiresAt === undefined ? [] : [retiringBadge(retiresAt.retiresAt, { now, locale, strings })]
  ]
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

export function hintOf (key: KeyView): string {
  return `${newestSecret(key)?.hint ?? ''}…`
}
