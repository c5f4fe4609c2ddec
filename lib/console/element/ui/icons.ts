import { svg, type SVGTemplateResult } from 'lit'

const icon = (path: string): SVGTemplateResult => svg`
  <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
    <path d=${path} fill="none" stroke="currentColor" stroke-width="1.6"
      stroke-linecap="round" stroke-linejoin="round"/>
  </svg>`

export const icons = {
  plus: icon('M10 4v12M4 10h12'),
  close: icon('M5 5l10 10M15 5L5 15'),
  search: icon('M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13.2 13.2L17 17'),
  chevron: icon('M7.5 5l5 5-5 5'),
  copy: icon('M7.5 7.5h8v8h-8zM12.5 7.5v-3h-8v8h3'),
  check: icon('M4.5 10.5l3.5 3.5 7.5-8'),
  warning: icon('M10 3.2L17.5 16.5h-15zM10 8.2v3.6M10 14.2v.1'),
  webhook: icon('M11 3l-6.5 8.5h5L9 17l6.5-8.5h-5z'),
  key: icon('M12.6 10.9a3.9 3.9 0 1 0-3.5-3.5L3.5 13v3.5H7v-2h2v-2h1.5zM13.4 6.6v.1')
}
