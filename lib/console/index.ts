/**
 * `fastify-latchkey/console`: a page on which people manage the keys of their workspace, made of the web component
 * `fastify-latchkey/console/element.js`.
 */
export { elementScript } from './element-script.js'
export { settingsPage, type SettingsPageOptions } from './settings-page.js'
