import type { EndpointView, WebhookCallerView } from '../../../management/index.js'
import { emptyDraft, lineOf, noFaults, type Draft, type Faults, type Subject } from '../form.js'
import { graceChoices, graces } from '../grace.js'
import { requestOn, type Verb } from '../verb.js'
import { confirmationWord, eventGroups } from './facts.js'

export type EndpointSubject = Subject<WebhookCallerView, EndpointView>
export type EndpointVerb = Verb<WebhookCallerView, EndpointView>

const fields = [
  { kind: 'line', name: 'url', label: 'webhookUrl', help: 'webhookUrlHelp', maxLength: 2048 },
  { kind: 'line', name: 'description', label: 'webhookDescription', optional: true },
  {
    kind: 'choice',
    name: 'which',
    label: 'webhookWhich',
    choices: [{ value: 'every', label: 'webhookEveryEvent' }, { value: 'some', label: 'webhookSomeEvents' }]
  },
  {
    kind: 'several',
    name: 'events',
    label: 'webhookEvents',
    help: 'webhookEventsHelp',
    offer: ({ caller }) => eventGroups(caller),
    isShown: ({ texts }) => texts.which === 'some'
  }
] as const satisfies EndpointVerb['fields']

/** No event is every event. */
const eventsOf = ({ texts, chosen }: Draft): readonly string[] => texts.which === 'some' ? chosen : []

function faultsOf (draft: Draft): Faults {
  return {
    ...!URL.canParse(lineOf(draft, 'url') ?? '') && { url: 'webhookNeedUrl' },
    ...draft.texts.which === 'some' && draft.chosen.length === 0 && { events: 'webhookNeedEvents' }
  }
}

/** A change of what a person saw. */
function changeOf (subject: EndpointSubject, body: object) {
  return requestOn(subject, 'PATCH', '', { ...body, version: subject.record?.version })
}

const isEnabled = ({ enabled }: EndpointView): boolean => enabled

export const endpointVerbs = {
  create: {
    label: 'webhookCreate',
    title: 'webhookCreateTitle',
    done: 'webhookDidCreate',
    needs: 'write',
    place: 'top',
    fields: [...fields.slice(0, 2), { kind: 'environment', name: 'environment' }, ...fields.slice(2)],
    applies: () => false,
    draft: ({ caller: { environment } }) => ({ ...emptyDraft, texts: { environment, which: 'every' } }),
    faults: faultsOf,
    request: (draft) => {
      const [url, description] = [lineOf(draft, 'url'), lineOf(draft, 'description')]
      return { method: 'POST', path: '', body: { url, description, events: eventsOf(draft) } }
    }
  },
  test: {
    label: 'webhookTest',
    title: 'webhookTestTitle',
    done: 'webhookDidTest',
    needs: 'write',
    place: 'row',
    isDirect: true,
    fields: [],
    applies: isEnabled,
    draft: () => emptyDraft,
    faults: () => noFaults,
    request: (_draft, subject) => requestOn(subject, 'POST', '/test', {})
  },
  change: {
    label: 'webhookChange',
    title: 'webhookChangeTitle',
    done: 'webhookDidChange',
    needs: 'write',
    place: 'details',
    fields,
    applies: () => true,
    draft: ({ record: { url = '', description = '', events = [] } = {} }) => ({
      texts: { url, description, which: events.length === 0 ? 'every' : 'some' }, chosen: events
    }),
    faults: faultsOf,
    request (draft, subject) {
      const [url, description] = [lineOf(draft, 'url'), lineOf(draft, 'description') ?? null]
      const isMoved = url !== subject.record?.url
      return changeOf(subject, { ...isMoved && { url }, description, events: eventsOf(draft) })
    }
  },
  rotate: {
    label: 'webhookRotate',
    title: 'webhookRotateTitle',
    intro: 'webhookRotateIntro',
    done: 'webhookDidRotate',
    needs: 'manage',
    place: 'details',
    fields: [{ kind: 'choice', name: 'grace', label: 'grace', choices: graceChoices }],
    applies: () => true,
    draft: () => ({ ...emptyDraft, texts: { grace: 'day' } }),
    faults: () => noFaults,
    request: ({ texts }, subject) => requestOn(subject, 'POST', '/rotate-secret', {
      ...graces[texts.grace ?? ''], version: subject.record?.version
    })
  },
  disable: {
    label: 'webhookDisable',
    title: 'webhookDisableTitle',
    intro: 'webhookDisableIntro',
    done: 'webhookDidDisable',
    needs: 'write',
    place: 'details',
    tone: 'danger',
    fields: [],
    applies: isEnabled,
    draft: () => emptyDraft,
    faults: () => noFaults,
    request: (_draft, subject) => changeOf(subject, { enabled: false })
  },
  enable: {
    label: 'webhookEnable',
    title: 'webhookEnableTitle',
    done: 'webhookDidEnable',
    needs: 'write',
    place: 'details',
    isDirect: true,
    fields: [],
    applies: (endpoint) => !isEnabled(endpoint),
    draft: () => emptyDraft,
    faults: () => noFaults,
    request: (_draft, subject) => changeOf(subject, { enabled: true })
  },
  remove: {
    label: 'webhookRemove',
    title: 'webhookRemoveTitle',
    intro: 'webhookRemoveIntro',
    done: 'webhookDidRemove',
    needs: 'manage',
    place: 'row',
    tone: 'danger',
    fields: [{ kind: 'confirmation', name: 'confirmation', word: ({ record }) => confirmationWord(record) }],
    applies: () => true,
    draft: () => emptyDraft,
    faults: (draft, { record }) =>
      lineOf(draft, 'confirmation') === confirmationWord(record) ? noFaults : { confirmation: 'needConfirmation' },
    request: (_draft, subject) => requestOn(subject, 'DELETE', '', {})
  },
  replay: {
    label: 'webhookReplay',
    title: 'webhookReplayTitle',
    done: 'webhookDidReplay',
    needs: 'write',
    place: 'part',
    isDirect: true,
    fields: [],
    applies: isEnabled,
    draft: () => emptyDraft,
    faults: () => noFaults,
    request: (_draft, subject) =>
      requestOn(subject, 'POST', `/deliveries/${encodeURIComponent(subject.part ?? '')}/replay`, {})
  }
} as const satisfies Record<string, EndpointVerb>
