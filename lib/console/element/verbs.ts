import type { CallerView, KeyView } from '../../management/index.js'
import { expiryOf, firstScopes, type Draft, type Faults, type FormField, type Subject } from './form.js'
import { confirmationWord, isLive, usedScopes } from './key-facts.js'
import type { Resource } from './scope-choice.js'
import type { StringName } from './strings.js'

/** What a person may do with a key: its form, its request, and what is said when it is done. */
export interface Verb {
  readonly label: StringName
  readonly title: StringName
  readonly intro?: StringName
  readonly done: StringName
  /** What the caller needs. */
  readonly needs: keyof CallerView['may']
  /** Where it is offered: next to each key, or in the details of one. */
  readonly place: 'top' | 'row' | 'details'
  readonly tone?: 'danger'
  readonly fields: readonly FormField[]
  applies (key: KeyView): boolean
  draft (subject: Subject): Draft
  faults (draft: Draft, subject: Subject): Faults
  request (draft: Draft, subject: Subject): { readonly method: string, readonly path: string, readonly body: object }
}

const DAY = 86_400
const empty: Draft = { texts: {}, scopes: [] }
const none: Faults = {}

function requestOn ({ key }: Subject, method: string, path: string, body: object) {
  return { method, path: `/${encodeURIComponent(key?.id ?? '')}${path}`, body: { ...body, version: key?.version } }
}

const lineOf = ({ texts }: Draft, name: string): string | undefined => texts[name]?.trim() || undefined

/** Scopes that the key holds, and those that were used of what they include. */
function heldScopes ({ key, caller }: Subject): readonly Resource[] {
  const granted = new Set([...key?.scopes ?? [], ...Object.keys(key?.scopesUsedAt ?? {})])
  return caller.scopes
    .map((one) => ({ ...one, scopes: one.scopes.filter(({ scope }) => granted.has(scope)) }))
    .filter(({ scopes }) => scopes.length > 0)
}

/** Graces of a rotation, by what the form calls them. */
const graces: Readonly<Record<string, { grace: number, graceFrom?: 'first-use' }>> = {
  none: { grace: 0 },
  hour: { grace: 3600 },
  day: { grace: DAY },
  week: { grace: 7 * DAY },
  'first-use': { grace: DAY, graceFrom: 'first-use' }
}

export const verbs = {
  create: {
    label: 'create',
    title: 'createTitle',
    done: 'didCreate',
    needs: 'write',
    place: 'top',
    fields: [
      { kind: 'line', name: 'name', label: 'name', help: 'nameHelp' },
      { kind: 'environment', name: 'environment' },
      { kind: 'scopes', name: 'scopes', offer: ({ caller }) => caller.scopes, presets: true },
      { kind: 'expiry', name: 'expiry' }
    ],
    applies: () => false,
    draft: ({ caller }) => ({
      texts: { expiry: 'never', environment: caller.environment }, scopes: firstScopes(caller)
    }),
    faults: (draft, { now }) => ({
      ...lineOf(draft, 'name') === undefined && { name: 'needName' },
      ...draft.scopes.length === 0 && { scopes: 'needScope' },
      ...expiryOf(draft, now) === undefined && { expiry: 'needDate' }
    }),
    request: (draft, { now }) => {
      const expiresAt = expiryOf(draft, now) ?? undefined
      return { method: 'POST', path: '', body: { name: lineOf(draft, 'name'), scopes: draft.scopes, expiresAt } }
    }
  },
  rotate: {
    label: 'rotate',
    title: 'rotateTitle',
    intro: 'rotateIntro',
    done: 'didRotate',
    needs: 'manage',
    place: 'row',
    fields: [{
      kind: 'choice',
      name: 'grace',
      label: 'grace',
      choices: [
        { value: 'none', label: 'graceNone' },
        { value: 'hour', label: 'graceHour' },
        { value: 'day', label: 'graceDay' },
        { value: 'week', label: 'graceWeek' },
        { value: 'first-use', label: 'graceFirstUse' }
      ]
    }],
    applies: isLive,
    draft: () => ({ ...empty, texts: { grace: 'none' } }),
    faults: () => none,
    request: ({ texts }, subject) => requestOn(subject, 'POST', '/rotate', graces[texts.grace ?? ''] ?? {})
  },
  rename: {
    label: 'rename',
    title: 'renameTitle',
    done: 'didRename',
    needs: 'write',
    place: 'details',
    fields: [{ kind: 'line', name: 'name', label: 'name', help: 'nameHelp' }],
    applies: isLive,
    draft: ({ key }) => ({ ...empty, texts: { name: key?.name ?? '' } }),
    faults: (draft) => lineOf(draft, 'name') === undefined ? { name: 'needName' } : none,
    request: (draft, subject) => requestOn(subject, 'PATCH', '', { name: lineOf(draft, 'name') })
  },
  narrow: {
    label: 'narrow',
    title: 'narrowTitle',
    intro: 'narrowIntro',
    done: 'didNarrow',
    needs: 'write',
    place: 'details',
    fields: [{ kind: 'scopes', name: 'scopes', offer: heldScopes }],
    applies: (key) => isLive(key) && key.scopes.length > 0,
    draft: ({ key }) => ({ ...empty, scopes: key === undefined ? [] : usedScopes(key) }),
    faults ({ scopes }, { key }) {
      if (scopes.length === 0) return { scopes: 'needScope' }
      const isSame = scopes.length === key?.scopes.length && scopes.every((scope) => key.scopes.includes(scope))
      return isSame ? { scopes: 'needFewer' } : none
    },
    request: ({ scopes }, subject) => requestOn(subject, 'PATCH', '', { scopes })
  },
  revoke: {
    label: 'revoke',
    title: 'revokeTitle',
    intro: 'revokeIntro',
    done: 'didRevoke',
    needs: 'manage',
    place: 'row',
    tone: 'danger',
    fields: [
      { kind: 'line', name: 'reason', label: 'reason', optional: true },
      { kind: 'confirmation', name: 'confirmation' }
    ],
    applies: isLive,
    draft: () => empty,
    faults ({ texts }, { key }) {
      const isConfirmed = key !== undefined && texts.confirmation?.trim() === confirmationWord(key)
      return isConfirmed ? none : { confirmation: 'needConfirmation' }
    },
    request: (draft, { key }) => {
      const reason = lineOf(draft, 'reason')
      return { method: 'POST', path: `/${encodeURIComponent(key?.id ?? '')}/revoke`, body: { reason } }
    }
  }
} as const satisfies Record<string, Verb>

export type VerbName = keyof typeof verbs

export const verbNames = Object.keys(verbs).filter((name): name is VerbName => Object.hasOwn(verbs, name))

/** The verbs that a place offers for a key. */
export function offered (place: Verb['place'], { may }: CallerView, key?: KeyView): readonly VerbName[] {
  return verbNames.filter((name) => {
    const verb: Verb = verbs[name]
    return verb.place === place && may[verb.needs] && (key === undefined || verb.applies(key))
  })
}
