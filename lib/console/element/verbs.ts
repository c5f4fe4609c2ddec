import type { CallerView, KeyView } from '../../management/index.js'
import { emptyDraft, expiryOf, firstScopes, lineOf, noFaults, type Subject } from './form.js'
import { graceChoices, graces } from './grace.js'
import { confirmationWord, isLive, usedScopes } from './key-facts.js'
import type { Resource } from './scope-choice.js'
import { requestOn, type Verb } from './verb.js'

export type KeySubject = Subject<CallerView, KeyView>
export type KeyVerb = Verb<CallerView, KeyView>

/** A change of what a person saw. */
function changeOf (subject: KeySubject, method: string, path: string, body: object) {
  return requestOn(subject, method, path, { ...body, version: subject.record?.version })
}

/** Scopes that the key holds, and those that were used of what they include. */
function heldScopes ({ record: key, caller }: KeySubject): readonly Resource[] {
  const granted = new Set([...key?.scopes ?? [], ...Object.keys(key?.scopesUsedAt ?? {})])
  return caller.scopes
    .map((one) => ({ ...one, scopes: one.scopes.filter(({ scope }) => granted.has(scope)) }))
    .filter(({ scopes }) => scopes.length > 0)
}

const scopes = { kind: 'several', name: 'scopes', label: 'scopes', help: 'scopesHelp' } as const

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
      { ...scopes, offer: ({ caller }) => caller.scopes, presets: ({ caller }) => caller.presets },
      { kind: 'expiry', name: 'expiry' }
    ],
    applies: () => false,
    draft: ({ caller }) => ({
      texts: { expiry: 'never', environment: caller.environment }, chosen: firstScopes(caller)
    }),
    faults: (draft, { now }) => ({
      ...lineOf(draft, 'name') === undefined && { name: 'needName' },
      ...draft.chosen.length === 0 && { scopes: 'needScope' },
      ...expiryOf(draft, now) === undefined && { expiry: 'needDate' }
    }),
    request: (draft, { now }) => {
      const expiresAt = expiryOf(draft, now) ?? undefined
      return { method: 'POST', path: '', body: { name: lineOf(draft, 'name'), scopes: draft.chosen, expiresAt } }
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
      choices: [...graceChoices, { value: 'first-use', label: 'graceFirstUse' }]
    }],
    applies: isLive,
    draft: () => ({ ...emptyDraft, texts: { grace: 'none' } }),
    faults: () => noFaults,
    request: ({ texts }, subject) => changeOf(subject, 'POST', '/rotate', graces[texts.grace ?? ''] ?? {})
  },
  rename: {
    label: 'rename',
    title: 'renameTitle',
    done: 'didRename',
    needs: 'write',
    place: 'details',
    fields: [{ kind: 'line', name: 'name', label: 'name', help: 'nameHelp' }],
    applies: isLive,
    draft: ({ record }) => ({ ...emptyDraft, texts: { name: record?.name ?? '' } }),
    faults: (draft) => lineOf(draft, 'name') === undefined ? { name: 'needName' } : noFaults,
    request: (draft, subject) => changeOf(subject, 'PATCH', '', { name: lineOf(draft, 'name') })
  },
  narrow: {
    label: 'narrow',
    title: 'narrowTitle',
    intro: 'narrowIntro',
    done: 'didNarrow',
    needs: 'write',
    place: 'details',
    fields: [{ ...scopes, offer: heldScopes }],
    applies: (key) => isLive(key) && key.scopes.length > 0,
    draft: ({ record }) => ({ ...emptyDraft, chosen: record === undefined ? [] : usedScopes(record) }),
    faults ({ chosen: scopes }, { record: key }) {
      if (scopes.length === 0) return { scopes: 'needScope' }
      const isSame = scopes.length === key?.scopes.length && scopes.every((scope) => key.scopes.includes(scope))
      return isSame ? { scopes: 'needFewer' } : noFaults
    },
    request: ({ chosen: scopes }, subject) => changeOf(subject, 'PATCH', '', { scopes })
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
      { kind: 'confirmation', name: 'confirmation', word: ({ record }) => record ? confirmationWord(record) : '' }
    ],
    applies: isLive,
    draft: () => emptyDraft,
    faults ({ texts }, { record: key }) {
      const isConfirmed = key !== undefined && texts.confirmation?.trim() === confirmationWord(key)
      return isConfirmed ? noFaults : { confirmation: 'needConfirmation' }
    },
    request: (draft, subject) => requestOn(subject, 'POST', '/revoke', { reason: lineOf(draft, 'reason') })
  }
} as const satisfies Record<string, KeyVerb>
