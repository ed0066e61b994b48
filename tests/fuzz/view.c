// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames read without the program's help: see view.h. */
#include "view.h"

enum {
	ETHERNET_BYTES = 14,
	TAG_BYTES = 4,
	MAX_TAGS = 2,
	TYPE_IP4 = 0x0800,
	TYPE_IP6 = 0x86dd,
	TYPE_TAG = 0x8100,
	TYPE_SERVICE_TAG = 0x88a8,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
};

uint16_t view_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void read_ip4(struct view *view)
{
	const uint8_t *ip = view->frame + view->l3;
	uint32_t room = view->frame_bytes - view->l3;

	if (room < IP4_BYTES || ip[0] >> 4 != 4)
		return;
	view->family = 4;
	view->protocol = ip[9];
	view->header = (ip[0] & 15) * 4U;
	view->length = view_get16(ip + 2);
	view->source = ip + 12;
	view->destination = ip + 16;
	view->address_bytes = 4;
	view->fragment = view_get16(ip + 6) & 0x3fff;
	view->whole =
		view->header >= IP4_BYTES && view->length >= view->header && view->length <= room;
}

static void read_ip6(struct view *view)
{
	const uint8_t *ip = view->frame + view->l3;
	uint32_t room = view->frame_bytes - view->l3;

	if (room < IP6_BYTES || ip[0] >> 4 != 6)
		return;
	view->family = 6;
	view->protocol = ip[6];
	view->header = IP6_BYTES;
	view->length = IP6_BYTES + view_get16(ip + 4);
	view->source = ip + 8;
	view->destination = ip + 24;
	view->address_bytes = 16;
	view->whole = view->length <= room;
}

struct view view_read(const uint8_t *frame, uint32_t frame_bytes)
{
	struct view view = { .frame = frame, .frame_bytes = frame_bytes, .l3 = ETHERNET_BYTES };
	uint16_t type = view_get16(frame + ETHERNET_BYTES - 2);
	int tags;

	for (tags = 0; tags < MAX_TAGS && (type == TYPE_TAG || type == TYPE_SERVICE_TAG); tags++) {
		if (view.l3 + TAG_BYTES > frame_bytes)
			return view;
		view.l3 += TAG_BYTES;
		type = view_get16(frame + view.l3 - 2);
	}
	if (type == TYPE_IP4)
		read_ip4(&view);
	else if (type == TYPE_IP6)
		read_ip6(&view);
	return view;
}

uint16_t view_sum(const uint8_t *bytes, uint32_t length, uint32_t sum)
{
	uint32_t i;

	for (i = 0; i + 1 < length; i += 2) {
		sum += view_get16(bytes + i);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (length % 2)
		sum += (uint32_t)bytes[length - 1] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

uint16_t view_pseudo_sum(const struct view *view, uint8_t protocol, uint32_t bytes)
{
	uint32_t sum = view_sum(view->source, view->address_bytes, 0);

	sum = view_sum(view->destination, view->address_bytes, sum);
	sum += protocol + (bytes >> 16) + (bytes & 0xffff);
	return view_sum(view->source, 0, sum);
}

bool view_header_right(const struct view *view)
{
	return view->family == 6 || view_sum(view->frame + view->l3, view->header, 0) == 0xffff;
}

bool view_payload_right(const struct view *view)
{
	uint32_t bytes = view->length - view->header;
	const uint8_t *payload = view->frame + view->l3 + view->header;
	uint16_t pseudo = view_pseudo_sum(view, view->protocol, bytes);

	return view_sum(payload, bytes, pseudo) == 0xffff;
}
