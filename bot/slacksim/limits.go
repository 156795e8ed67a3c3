package slacksim

// Sizes of Block Kit, in characters (not bytes) or items, as Slack documents them.
const (
	maxMessageBlocks  = 50
	maxViewBlocks     = 100
	maxSectionText    = 3000
	maxFields         = 10
	maxFieldText      = 2000
	maxHeaderText     = 150
	maxContextItems   = 10
	maxActionItems    = 25
	maxMarkdownText   = 12000
	maxID             = 255 // block_id, action_id, callback_id, external_id
	maxButtonText     = 75
	maxButtonValue    = 2000
	maxURL            = 3000
	maxAccessibility  = 75
	maxConfirmTitle   = 100
	maxConfirmText    = 300
	maxConfirmButton  = 30
	maxOptions        = 100
	maxOptionText     = 75
	maxOptionValue    = 75 // 150 is quoted, too; the smaller one is right in both worlds
	maxOverflow       = 5
	maxChoices        = 10 // checkboxes and radio buttons
	maxPlaceholder    = 150
	maxInputLabel     = 2000
	maxInputHint      = 2000
	maxInputText      = 3000
	maxAltText        = 2000
	maxTableRows      = 100
	maxTableCells     = 20
	maxViewTitle      = 24 // also submit and close
	maxPrivateData    = 3000
	maxViewBytes      = 250_000
	maxViewStack      = 3
	maxVisibleToUsers = 100
)

// selects are the elements that choose from a menu, with whether they carry their own options.
var selects = map[string]bool{
	"static_select": true, "multi_static_select": true,
	"external_select": false, "users_select": false, "conversations_select": false, "channels_select": false,
	"multi_external_select": false, "multi_users_select": false, "multi_conversations_select": false, "multi_channels_select": false,
}

// pickers are elements without limits of their own beyond a placeholder and a confirm dialog.
var pickers = map[string]bool{"datepicker": true, "timepicker": true, "datetimepicker": true}

// typed are the inputs that a person types into, besides plain_text_input.
var typed = map[string]bool{"email_text_input": true, "url_text_input": true, "number_input": true, "rich_text_input": true, "file_input": true}

// unchecked are blocks that Slack knows and that the simulator passes on as they are.
var unchecked = map[string]bool{"divider": true, "file": true, "video": true, "call": true, "context_actions": true}
