import type { CallerView, KeyView } from '../../management/index.js'
import { nameOf } from './fields.js'
import { troubleTexts } from './trouble.js'
import type { Kind } from './verb.js'
import { verbs } from './verbs.js'

export const keyKind: Kind<CallerView, KeyView> = {
  verbs: Object.values(verbs),
  title: 'title',
  intro: 'intro',
  secretText: 'secretText',
  leaveText: 'leaveText',
  noLongerPossible: 'noLongerPossible',
  troubles: troubleTexts,
  nameOf
}
