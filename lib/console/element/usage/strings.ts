/** The texts of usage, a part of `english`. */
export const usageTexts = {
  usage: 'Usage',
  lastDay: '24 hours',
  lastWeek: '7 days',
  lastMonth: '30 days',
  listRange: 'Last 7 days',
  loadingUsage: 'Loading usage…',
  noListUsage: 'Usage can’t be shown right now.',
  usageOutage: 'Usage can’t be shown right now. Try again in a moment.',
  admitted: 'Admitted',
  limited: 'Rate limited',
  refused: 'Refused',
  usageWords: '{admitted} admitted, {limited} rate limited, {refused} refused',
  sparkLimited: '{count} rate limited',
  sparkRefused: '{count} refused',
  usageTotal: 'Total',
  noRequests: 'No requests in this time.',
  daysOfUtc: 'Days are those of UTC.',
  refusedByCode: 'Refused, by code',
  limits: 'Limits',
  limitWords: '{quota} in {time}',
  noLimit: 'None, but for routes with a limit of their own',
  lineEqual: 'Dashed line: the limit of {quota} in {window}.',
  lineScaled: 'Dashed line: {count} in {time}, which is the rate of the limit of {quota} in {window}. ' +
    'Many requests at once are limited sooner.',
  asTable: 'Show as a table',
  usageTime: 'Time'
}
