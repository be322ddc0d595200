const paths = {
  alert: 'M8 4.6v4M8 11.2v.2M8 1.8 14.6 13.6H1.4Z',
  error: 'M8 4.5v4.2M8 11.2v.2M14.2 8A6.2 6.2 0 1 1 1.8 8a6.2 6.2 0 0 1 12.4 0Z',
  check: 'm3 8.5 3.2 3.2L13 4.8',
  chevron: 'm6 4 4 4-4 4',
  clock: 'M8 4.5V8l2.4 1.6M14.2 8A6.2 6.2 0 1 1 1.8 8a6.2 6.2 0 0 1 12.4 0Z',
  close: 'm4 4 8 8M12 4l-8 8',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  download: 'M8 2.5v7.5m-3.2-3L8 10l3.2-3M2.8 13.5h10.4',
  filter: 'M2.5 3.5h11L9.3 8.5v4l-2.6 1v-5Z',
  gap: 'M2 8h2.5M11.5 8H14M4.5 5v6M11.5 5v6',
  live: 'M8 8h.01M5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6M3.1 12.9a7 7 0 0 1 0-9.8M12.9 3.1a7 7 0 0 1 0 9.8',
  link: 'M6.7 9.3a2.5 2.5 0 0 0 3.5 0l2.5-2.5a2.5 2.5 0 0 0-3.5-3.5l-1 1M9.3 6.7a2.5 2.5 0 0 0-3.5 0L3.3 9.2a2.5 2.5 0 0 0 3.5 3.5l1-1',
  moon: 'M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z',
  overrun: 'M1.8 8h12M10.8 5l3 3-3 3M6.5 3.5v9',
  refresh: 'M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 2v2.8h-2.8',
  repeat: 'M3 5.5h8.5a2 2 0 0 1 2 2M13 10.5H4.5a2 2 0 0 1-2-2M9.5 3l2.5 2.5L9.5 8M6.5 8 4 10.5 6.5 13',
  search: 'M11.8 7.2a4.6 4.6 0 1 1-9.2 0 4.6 4.6 0 0 1 9.2 0ZM10.6 10.6l3.2 3.2',
  sun: 'M10.8 8a2.8 2.8 0 1 1-5.6 0 2.8 2.8 0 0 1 5.6 0ZM8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  system: 'M2 3h12v8H2zM5.5 13.5h5',
  up: 'M8 13V3.5M4 7.5l4-4 4 4',
} as const;

export type IconName = keyof typeof paths;

/** A 16-pixel line drawing; always beside a text or inside a labelled control, so it is hidden from screen readers. */
export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  );
}
