import type { DialogState, OpenForm } from '../dialogs.js'
import type { Actor, Stored } from '../form.js'

/** Whether a dialog is open. */
export function isModal<C extends Actor, R extends Stored> ({ form, secret }: DialogState<C, R>): boolean {
  return secret !== undefined || (form !== undefined && isShown(form))
}

/** What is being done without a dialog: nothing else can begin before it is done. */
export function underway<C extends Actor, R extends Stored> (
  { form }: DialogState<C, R>
): OpenForm<C, R> | undefined {
  return form?.busy === true && !isShown(form) ? form : undefined
}

/** A form of what is done at once is shown only where that went wrong. */
export function isShown<C extends Actor, R extends Stored> ({ verb, trouble }: OpenForm<C, R>): boolean {
  return verb.isDirect !== true || trouble !== undefined
}
