import type { Answer } from './api.js'
import type { Actor, Draft, Stored, Subject } from './form.js'
import type { Trouble } from './trouble.js'
import type { Verb } from './verb.js'

/** A form that is open. */
export interface OpenForm<C extends Actor, R extends Stored> {
  readonly verb: Verb<C, R>
  readonly record?: R | undefined
  readonly part?: string | undefined
  readonly draft: Draft
  /** Whether faults are shown: not before a person has tried. */
  readonly tried: boolean
  readonly busy: boolean
  readonly trouble?: Trouble | undefined
}

/** A secret that is on the screen, and nowhere else. */
export interface ShownSecret {
  readonly name: string
  readonly secret: string
  readonly copied: 'no' | 'yes' | 'refused'
  /** Somebody wants to close it without having copied. */
  readonly leaving: boolean
}

/** @param secret that an answer has brought, if it did */
export function shownSecret (name: string, secret: string | undefined): ShownSecret | undefined {
  return secret === undefined ? undefined : { name, secret, copied: 'no', leaving: false }
}

/** What every element shows, whatever it manages. */
export interface DialogState<C extends Actor, R extends Stored> {
  readonly caller?: C | undefined
  readonly form?: OpenForm<C, R> | undefined
  readonly secret?: ShownSecret | undefined
  /** What was done last, for a live region. */
  readonly message: string
}

export interface DialogDeps<C extends Actor, R extends Stored, A> {
  readonly state: () => DialogState<C, R>
  readonly set: (change: Partial<DialogState<C, R>>) => void
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** @param environment that the form names */
  readonly ask: (method: string, path: string, body: object, environment?: string) => Promise<Answer<A>>
  /** The record as the server has it now; as it was where nobody can say. */
  readonly current: (record: R | undefined) => Promise<R | undefined>
  readonly succeed: (form: OpenForm<C, R>, answer: A) => Promise<void>
}

export type Dialogs<C extends Actor, R extends Stored> =
  ReturnType<typeof createDialogs<C, R, unknown>>

/** Forms of verbs, and the secret that some of them bring. */
export function createDialogs<C extends Actor, R extends Stored, A> (deps: DialogDeps<C, R, A>) {
  const { state, set, clock, ask, current, succeed } = deps

  function subjectOf (caller: C, { record, part }: Pick<OpenForm<C, R>, 'record' | 'part'>): Subject<C, R> {
    return { caller, record, part, now: clock() }
  }

  async function submit (): Promise<void> {
    const { form, caller } = state()
    if (form === undefined || caller === undefined || form.busy) return
    const { verb, draft } = form
    const subject = subjectOf(caller, form)
    if (Object.keys(verb.faults(draft, subject)).length > 0) return set({ form: { ...form, tried: true } })
    set({ form: { ...form, tried: true, busy: true, trouble: undefined } })
    const { method, path, body } = verb.request(draft, subject)
    const answer = await ask(method, path, body, draft.texts.environment)
    if (answer.ok) return await succeed(form, answer.value)
    // Meanwhile it may have been changed, or the change may have happened: what is shown is what the server says.
    const record = await current(form.record)
    const trouble = explained(answer.trouble, record?.version !== form.record?.version)
    const now = state().form
    if (now !== undefined) set({ form: { ...now, record, busy: false, trouble } })
  }

  return {
    submit,
    /** @param part id of what the record contains, where the verb is about that */
    async openForm (verb: Verb<C, R>, record?: R, part?: string): Promise<void> {
      const { caller, form } = state()
      if (caller === undefined || form?.busy === true) return
      const draft = verb.draft(subjectOf(caller, { record, part }))
      set({ form: { verb, record, part, draft, tried: false, busy: false } })
      if (verb.isDirect === true) await submit()
    },
    closeForm (): void {
      set({ form: undefined })
    },
    edit (change: Partial<Draft>): void {
      const { form } = state()
      if (form === undefined) return
      const draft = { ...form.draft, ...change, texts: { ...form.draft.texts, ...change.texts } }
      set({ form: { ...form, draft } })
    },
    setSecret (change: Partial<ShownSecret> | undefined): void {
      const { secret } = state()
      set({ secret: change === undefined || secret === undefined ? undefined : { ...secret, ...change } })
    }
  }
}

/** A conflict is with another's change, of which the record says more; or with something else, such as a bound. */
function explained (trouble: Trouble, isChanged: boolean): Trouble {
  if (trouble.kind !== 'conflict') return trouble
  return isChanged ? { kind: 'conflict' } : { ...trouble, kind: 'refused' }
}
