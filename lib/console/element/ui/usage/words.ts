import type { Counts } from '../../usage/usage.js'
import { say, type View } from '../view.js'

/** How many requests had which outcome, in words. */
export function countsWords (view: View, { admitted, limited, refused }: Counts): string {
  const { format } = new Intl.NumberFormat(view.reading.locale)
  return say(view, 'usageWords', { admitted: format(admitted), limited: format(limited), refused: format(refused) })
}
