const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes in three digits and the unit that fits: `0 B`, `12.3 MiB`. */
export function sizeText(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (Math.round(size) >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size < 1000 ? Number(size.toPrecision(3)) : Math.round(size)} ${units[unit]}`;
}
