package slacksim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func n(k int) string { return strings.Repeat("é", k) }

func repeat(k int, one string) string {
	return strings.TrimSuffix(strings.Repeat(one+",", k), ",")
}

// rawBlock sends JSON as it is, past slack-go's types.
type rawBlock string

func (rawBlock) BlockType() slack.MessageBlockType { return "raw" }
func (rawBlock) ID() string                        { return "" }
func (r rawBlock) MarshalJSON() ([]byte, error)    { return []byte(r), nil }

const (
	plain  = `{"type":"plain_text","text":"%s"}`
	mrkdwn = `{"type":"mrkdwn","text":"%s"}`
)

func pt(s string) string { return fmt.Sprintf(plain, s) }
func md(s string) string { return fmt.Sprintf(mrkdwn, s) }

func sectionOf(s string) string { return `{"type":"section","text":` + md(s) + `}` }

func buttonOf(more string) string {
	return `{"type":"button","text":` + pt("ok") + more + `}`
}

func actionsOf(elements string) string { return `{"type":"actions","elements":[` + elements + `]}` }

func confirmOf(title, text, yes, no string) string {
	return fmt.Sprintf(`,"confirm":{"title":%s,"text":%s,"confirm":%s,"deny":%s}`, pt(title), pt(text), pt(yes), pt(no))
}

func inputOf(element string) string {
	return `{"type":"input","label":` + pt("l") + `,"element":` + element + `}`
}

func selectOf(options string) string { return `{"type":"static_select","options":[` + options + `]}` }

func option(text, value string) string { return `{"text":` + pt(text) + `,"value":"` + value + `"}` }

func rich(elements string) string { return `{"type":"rich_text","elements":[` + elements + `]}` }

// Each limit of Block Kit from both sides: the largest that passes, and what is said of one more.
func TestBlockLimits(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	for _, c := range []struct {
		why, block, want string // want: part of the message; empty if the block is fine
	}{
		{"3,000 characters in a section", sectionOf(n(3000)), ""},
		{"one more", sectionOf(n(3001)), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"},
		{"a text may not be empty", sectionOf(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"},
		{"a section without text and fields", `{"type":"section"}`, "either text or fields"},
		{"10 fields", `{"type":"section","fields":[` + repeat(10, md(n(2000))) + `]}`, ""},
		{"11 fields", `{"type":"section","fields":[` + repeat(11, md("x")) + `]}`, "no more than 10 items allowed [json-pointer:/blocks/0/fields]"},
		{"a field of 2,001", `{"type":"section","fields":[` + md(n(2001)) + `]}`, "less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"},
		{"mrkdwn with emoji", `{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}`, "emoji"},
		{"a kind of text that is not", `{"type":"section","text":{"type":"html","text":"x"}}`, "unsupported type: html"},
		{"a header of 150", `{"type":"header","text":` + pt(n(150)) + `}`, ""},
		{"a header of 151", `{"type":"header","text":` + pt(n(151)) + `}`, "less than 151 characters"},
		{"a header is plain", `{"type":"header","text":` + md("x") + `}`, "unsupported type: mrkdwn"},
		{"10 in a context", `{"type":"context","elements":[` + repeat(10, md("x")) + `]}`, ""},
		{"11 in a context", `{"type":"context","elements":[` + repeat(11, md("x")) + `]}`, "no more than 10 items"},
		{"an empty context", `{"type":"context","elements":[]}`, "no fewer than 1 items"},
		{"25 buttons", actionsOf(repeat(25, buttonOf(""))), ""},
		{"26 buttons", actionsOf(repeat(26, buttonOf(""))), "no more than 25 items allowed [json-pointer:/blocks/0/elements]"},
		{"a label of 75", actionsOf(`{"type":"button","text":` + pt(n(75)) + `}`), ""},
		{"a label of 76", actionsOf(`{"type":"button","text":` + pt(n(76)) + `}`), "less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"},
		{"a button's label is plain", actionsOf(`{"type":"button","text":` + md("x") + `}`), "unsupported type: mrkdwn"},
		{"a value of 2,000", actionsOf(buttonOf(`,"value":"` + n(2000) + `"`)), ""},
		{"a value of 2,001", actionsOf(buttonOf(`,"value":"` + n(2001) + `"`)), "less than 2001 characters"},
		{"a url of 3,001", actionsOf(buttonOf(`,"url":"` + n(3001) + `"`)), "less than 3001 characters"},
		{"an accessibility_label of 76", actionsOf(buttonOf(`,"accessibility_label":"` + n(76) + `"`)), "less than 76 characters"},
		{"a style that is none", actionsOf(buttonOf(`,"style":"loud"`)), "valid enum value"},
		{"an action_id of 255", actionsOf(buttonOf(`,"action_id":"` + n(255) + `"`)), ""},
		{"an action_id of 256", actionsOf(buttonOf(`,"action_id":"` + n(256) + `"`)), "less than 256 characters"},
		{"the same action_id twice", actionsOf(repeat(2, buttonOf(`,"action_id":"a"`))), `action_id "a" already exists`},
		{"a block_id of 256", `{"type":"divider","block_id":"` + n(256) + `"}`, "less than 256 characters [json-pointer:/blocks/0/block_id]"},
		{"a dialog at its limits", actionsOf(buttonOf(confirmOf(n(100), n(300), n(30), n(30)))), ""},
		{"a dialog's title of 101", actionsOf(buttonOf(confirmOf(n(101), "x", "y", "n"))), "/confirm/title/text"},
		{"a dialog's text of 301", actionsOf(buttonOf(confirmOf("t", n(301), "y", "n"))), "/confirm/text/text"},
		{"a dialog's yes of 31", actionsOf(buttonOf(confirmOf("t", "x", n(31), "n"))), "/confirm/confirm/text"},
		{"a dialog's no of 31", actionsOf(buttonOf(confirmOf("t", "x", "y", n(31)))), "/confirm/deny/text"},
		{"100 options", actionsOf(selectOf(repeat(100, option(n(75), n(75))))), ""},
		{"101 options", actionsOf(selectOf(repeat(101, option("x", "v")))), "no more than 100 items"},
		{"an option's value of 76", actionsOf(selectOf(option("x", n(76)))), "less than 76 characters"},
		{"an option's text of 76", actionsOf(selectOf(option(n(76), "v"))), "less than 76 characters"},
		{"6 in an overflow", actionsOf(`{"type":"overflow","options":[` + repeat(6, option("x", "v")) + `]}`), "no more than 5 items"},
		{"11 boxes", actionsOf(`{"type":"checkboxes","options":[` + repeat(11, option("x", "v")) + `]}`), "no more than 10 items"},
		{"an input whose max_length is 3,001", inputOf(`{"type":"plain_text_input","max_length":3001}`), "between 1 and 3000"},
		{"an input whose min is above its max", inputOf(`{"type":"plain_text_input","min_length":9,"max_length":3}`), "not be more than max_length"},
		{"a button is no input", inputOf(buttonOf("")), "unsupported type: button"},
		{"markdown of 12,000", `{"type":"markdown","text":"` + n(12000) + `"}`, ""},
		{"markdown of 12,001", `{"type":"markdown","text":"` + n(12001) + `"}`, "less than 12001 characters"},
		{"an image without words for it", `{"type":"image","image_url":"https://x.test"}`, "missing required field: alt_text"},
		{"101 rows", `{"type":"table","rows":[` + repeat(101, `[{"type":"raw_text","text":"x"}]`) + `]}`, "no more than 100 items"},
		{"21 cells", `{"type":"table","rows":[[` + repeat(21, `{"type":"raw_text","text":"x"}`) + `]]}`, "no more than 20 items"},
		{"preformatted text", rich(`{"type":"rich_text_preformatted","elements":[{"type":"text","text":"x"}]}`), ""},
		{"a piece without text", rich(`{"type":"rich_text_section","elements":[{"type":"text","text":""}]}`), "more than 0 characters"},
		{"a mention in preformatted text", rich(`{"type":"rich_text_preformatted","elements":[{"type":"user","user_id":"U1"}]}`), "unsupported type: user"},
		{"text without a section around it", rich(`{"type":"text","text":"x"}`), "unsupported type: text"},
		{"a list of sections", rich(`{"type":"rich_text_list","style":"bullet","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"x"}]}]}`), ""},
		{"a list without a style", rich(`{"type":"rich_text_list","elements":[]}`), "valid enum value"},
		{"a style that is a word", rich(`{"type":"rich_text_section","elements":[{"type":"text","text":"x","style":"bold"}]}`), "must be an object"},
		{"rich text without elements", `{"type":"rich_text"}`, "missing required field: elements"},
		{"a type that Slack does not know", `{"type":"nonsense"}`, "unsupported type: nonsense [json-pointer:/blocks/0/type]"},
		{"an element that Slack does not know", actionsOf(`{"type":"nonsense"}`), "unsupported type: nonsense"},
		{"a block that is no object", `7`, "must be an object"},
	} {
		t.Run(c.why, func(t *testing.T) {
			_, _, err := w.api.PostMessage(general, slack.MsgOptionText("x", false), slack.MsgOptionBlocks(rawBlock(c.block)))
			checkBlocks(t, err, "invalid_blocks", c.want)
		})
	}
	many := make([]slack.Block, 51)
	for i := range many {
		many[i] = slack.NewDividerBlock()
	}
	_, _, err := w.api.PostMessage(general, slack.MsgOptionBlocks(many...))
	checkBlocks(t, err, "invalid_blocks", "no more than 50 items allowed [json-pointer:/blocks]")
	_, _, err = w.api.PostMessage(general, slack.MsgOptionBlocks(many[:50]...))
	checkBlocks(t, err, "", "")
	same := rawBlock(`{"type":"divider","block_id":"b"}`)
	_, _, err = w.api.PostMessage(general, slack.MsgOptionBlocks(same, same))
	checkBlocks(t, err, "invalid_blocks", `block_id "b" already exists [json-pointer:/blocks/1/block_id]`)
}

func checkBlocks(t *testing.T, err error, code, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("got %v", said(err))
		}
		return
	}
	if err == nil || err.Error() != code || !strings.Contains(said(err), want) {
		t.Errorf("got %v %s, want %s: %s", err, said(err), code, want)
	}
}

func said(err error) string {
	var e slack.SlackErrorResponse
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	return strings.Join(e.ResponseMetadata.Messages, "; ")
}

func TestMissingIDsAreFilledIn(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	_, ts, err := w.api.PostMessage(general, slack.MsgOptionBlocks(rawBlock(actionsOf(buttonOf("")))))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := w.Message(general, ts)
	var blocks []struct {
		BlockID  string `json:"block_id"`
		Elements []struct {
			ActionID string `json:"action_id"`
		}
	}
	if err := json.Unmarshal(m.Blocks, &blocks); err != nil || blocks[0].BlockID == "" || blocks[0].Elements[0].ActionID == "" {
		t.Errorf("%s, %v", m.Blocks, err)
	}
}

func FuzzBlocks(f *testing.F) {
	for _, s := range []string{
		`[]`, `[1]`, `[{"type":"section","text":{"type":"mrkdwn","text":"*x* <@U1> ` + "```code```" + `"}}]`, `[{"type":"rich_text","elements":[{}]}]`,
		`[{"type":"actions","elements":[null]}]`, `[{"type":"input","element":{"type":"plain_text_input"}}]`, `{`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, blocks string) {
		checked, ok := slacksim.CheckBlocks([]byte(blocks))
		if !ok {
			return
		}
		if checked != nil && !json.Valid(checked) {
			t.Errorf("%q became %q", blocks, checked)
		}
		_ = slacksim.Render(slacksim.Message{TS: "1.000000", Blocks: checked})
	})
}
