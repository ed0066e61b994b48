/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "top_screen.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "text.h"
#include "top_frame.h"
#include "top_state.h"

/* curses.h has the same names for its own colors */
enum {
	OURS_GREEN = COLOR_GREEN,
	OURS_RED = COLOR_RED,
	OURS_YELLOW = COLOR_YELLOW,
	OURS_DIM = COLOR_DIM
};
#include <curses.h>

enum { ESCAPE_MS = 50, ESCAPE = 27, RUBOUT = 127, CRASH_BYTES = 128 };

static SCREEN *screen;
static struct termios before;	      /* the terminal as it was */
static char crash_bytes[CRASH_BYTES]; /* what puts it back from the alternate screen */
static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

/* Curses may be in any state: only what is safe in a handler. */
static void on_crash(int number)
{
	ssize_t written = write(STDOUT_FILENO, crash_bytes, strlen(crash_bytes));

	(void)written;
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	signal(number, SIG_DFL);
	raise(number);
}

static void append(const char *capability)
{
	const char *bytes = tigetstr((char *)capability);

	if (bytes && bytes != (char *)-1 && strlen(crash_bytes) + strlen(bytes) < CRASH_BYTES)
		strcat(crash_bytes, bytes);
}

static void prepare_for_crashes(void)
{
	append("sgr0");
	append("cnorm");
	append("rmcup");
	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		signal(crashes[i], on_crash);
}

static void use_colors(void)
{
	const char *no_color = getenv("NO_COLOR");

	if ((no_color && *no_color) || !has_colors() || start_color() == ERR)
		return;
	use_default_colors();
	init_pair(OURS_GREEN, COLOR_GREEN, -1);
	init_pair(OURS_RED, COLOR_RED, -1);
	init_pair(OURS_YELLOW, COLOR_YELLOW, -1);
}

bool top_screen_open(void)
{
	if (tcgetattr(STDIN_FILENO, &before)) {
		complain("the terminal cannot be read from");
		return false;
	}
	use_env(FALSE); /* LINES and COLUMNS stay as they are when the terminal does not */
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		complain("the terminal \"%s\" is not known: set TERM",
			 getenv("TERM") ? getenv("TERM") : "");
		return false;
	}
	atexit(top_screen_close);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	use_colors();
	prepare_for_crashes();
	return true;
}

void top_screen_close(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		signal(crashes[i], SIG_DFL);
}

void top_screen_size(size_t *width, size_t *height)
{
	struct winsize size;

	/* without LINES and COLUMNS curses does not follow a new size by itself */
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col &&
	    (size.ws_row != LINES || size.ws_col != COLS))
		resizeterm(size.ws_row, size.ws_col);
	*width = COLS > 0 ? COLS : 1;
	*height = LINES > 0 ? LINES : 1;
}

static attr_t attributes(const struct top_line *line)
{
	attr_t out = line->reverse ? A_REVERSE : A_NORMAL;
	int color = line->color;

	if (color == COLOR_BOLD)
		out |= A_BOLD;
	else if (color == OURS_DIM)
		out |= A_DIM;
	else if (color == OURS_RED || color == OURS_YELLOW || color == OURS_GREEN)
		out |= COLOR_PAIR(color) | (color == OURS_RED ? A_BOLD : 0);
	return out;
}

void top_screen_show(const struct top_frame *frame)
{
	erase();
	for (size_t i = 0; i < frame->count && i < (size_t)LINES; i++) {
		attr_t shown = attributes(&frame->lines[i]);

		attrset(shown);
		mvaddstr(i, 0, frame->lines[i].text);
		if (frame->lines[i].reverse) /* the whole line */
			for (int x = getcurx(stdscr); x < COLS && getcury(stdscr) == (int)i; x++)
				if (addch(' ') == ERR)
					break;
	}
	attrset(A_NORMAL);
	refresh();
}

int top_screen_key(void)
{
	static const struct {
		int theirs, ours;
	} keys[] = {
		{ KEY_UP, TOP_KEY_UP },
		{ KEY_DOWN, TOP_KEY_DOWN },
		{ KEY_PPAGE, TOP_KEY_PAGE_UP },
		{ KEY_NPAGE, TOP_KEY_PAGE_DOWN },
		{ KEY_HOME, TOP_KEY_HOME },
		{ KEY_END, TOP_KEY_END },
		{ KEY_ENTER, TOP_KEY_ENTER },
		{ '\r', TOP_KEY_ENTER },
		{ '\n', TOP_KEY_ENTER },
		{ ESCAPE, TOP_KEY_BACK },
		{ '\t', TOP_KEY_TAB },
		{ KEY_BACKSPACE, TOP_KEY_RUBOUT },
		{ RUBOUT, TOP_KEY_RUBOUT },
		{ '\b', TOP_KEY_RUBOUT },
		{ KEY_RESIZE, 0 },
	};
	int key = getch();

	if (key == ERR)
		return -1;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].theirs == key)
			return keys[i].ours;
	return key >= ' ' && key <= '~' ? key : 0;
}
