import { useState } from 'react';
import { Icon } from '../parts/icon.tsx';
import { IconButton } from '../parts/icon-button.tsx';
import { getTheme, setTheme, themes, type Theme } from './theme.ts';

const icons = { system: 'system', light: 'sun', dark: 'moon' } as const;

/** One button that steps through system, light and dark. */
export function ThemeToggle() {
  const [theme, setShown] = useState<Theme>(getTheme);
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
  return (
    <IconButton
      label={`Theme: ${theme}. Switch to ${next}`}
      onClick={() => {
        setTheme(next);
        setShown(next);
      }}
    >
      <Icon name={icons[theme]} />
    </IconButton>
  );
}
