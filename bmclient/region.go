package bmclient

// regions are the spellings of API 2.0's older pages, and those of its newer ones and of 3.0.
var regions = map[string]string{
	"bj": "ap-beijing", "gz": "ap-guangzhou", "sh": "ap-shanghai", "cq": "ap-chongqing", "hk": "ap-hongkong", "ca": "na-toronto",
}

// longRegion is a region as API 3.0 writes it. What is not known is left as it is: the API will say.
func longRegion(name string) string {
	if long, ok := regions[name]; ok {
		return long
	}
	return name
}
