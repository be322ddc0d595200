import { uiPath } from '@throughline/trace/client';
import { Link } from 'wouter';
import { basePath } from './api/base-path.ts';
import styles from './app-bar.module.css';
import { OpenTrace } from './open-trace.tsx';
import { ThemeToggle } from './theme/theme-toggle.tsx';

const pages = [
  { path: uiPath('services'), title: 'Services' },
  { path: uiPath('explore'), title: 'Explore' },
  { path: uiPath('system'), title: 'System' },
];

export function AppBar() {
  return (
    <header className={styles['bar']}>
      <a className={styles['skip']} href={`${location.pathname}${location.search}#main`}>
        Skip to the content
      </a>
      <Link href={uiPath('services')} className={styles['brand']} aria-label="Throughline">
        <img src={`${basePath}/favicon.svg`} width={22} height={22} alt="" />
        <span className={styles['name']}>Throughline</span>
      </Link>
      <nav className={styles['nav']} aria-label="Pages">
        {pages.map((page) => (
          <Link
            key={page.path}
            href={page.path}
            className={(active) => (active ? `${styles['page']} ${styles['current']}` : styles['page'])}
          >
            {page.title}
          </Link>
        ))}
      </nav>
      <OpenTrace />
      <ThemeToggle />
    </header>
  );
}
