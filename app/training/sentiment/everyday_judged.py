"""Two hundred everyday sentences with labels that nobody learns from, in kinds; knows no network.

They were written before anything was tried for them, and are looked at only to report. The rules:

* A label says how the sentence itself sounds, to somebody who knows nothing else of it: `+` praise,
  thanks, relief or good news of what was done; `-` complaint, fault, harm, regret or scorn; `0`
  everything else: what is, was, is planned, asked or asked for, without a word of how it pleases.
* A reported fault is negative, also when told politely; a question that only asks is neutral.
* A wish that was not fulfilled is negative; a fear that did not come true is positive.
* News are neutral unless somebody is harmed (negative) or has won or been helped (positive).
* Lukewarm ("it is all right") is neutral. Irony was left out: its label is not in the words.
* One sentence or two short ones, written by hand, without templates; no sentence out of a data set.

A line is its label, a blank and the sentence.
"""

from typing import Final

from app.training.sentiment.labels import Label

_SIGNS: Final[dict[str, Label]] = {"-": "negative", "0": "neutral", "+": "positive"}

_KINDS: Final = {
    "tickets": """\
- The export button does nothing when I click it.
- After the upgrade the dashboard shows an empty page.
- I have been locked out of my account since Friday.
- Invoice 2231 was charged twice to our card.
- The attachment arrives corrupted every single time.
- Sync stops halfway and I lose everything I typed.
- Two weeks and still no reply to my first message.
- The printer on the second floor jams with each page.
- Login fails with error 403 for all our staff.
- Please look into this soon, we cannot ship orders.
0 Please add Maria to the sales group.
0 How do I change the language of the interface?
0 We would like to move from ten seats to fifteen.
0 Could you reset the password for user 4471?
0 The export runs every night at two.
0 I attach the log file you asked for.
0 Ticket 881 concerns the mobile version.
0 Is there an API for reading the calendar?
+ That fixed it, you can close the ticket.
+ The new search is so much faster, well done to the team.
+ Great support as always, solved within an hour.
+ Everything is back to normal now, thank you.
+ I appreciate how quickly you got back to me.
+ The workaround you sent does the job beautifully.
""",
    "mail": """\
0 Please find the minutes of Monday's call attached.
0 Could we move our appointment to Thursday afternoon?
0 I will be out of the office until the 14th.
0 Here is the address of the venue.
0 Let me know which of the two dates suits you.
0 I am forwarding this to our accounts department.
0 My flight lands at a quarter past eight.
0 Attached you will find the revised schedule.
0 Do you need a copy of my passport?
0 As discussed, the kick-off takes place in room 12.
+ Thank you for a wonderful evening, we enjoyed every minute.
+ Congratulations on your new position, well deserved!
+ I am delighted to tell you that your application was successful.
+ Your talk was the highlight of the conference for all of us.
+ It was a joy to work with you on this.
+ We are grateful for your generous donation.
- I regret to inform you that we must cancel the event.
- I am disappointed that nobody told us about the change.
- We have still not received the payment that was due in March.
- Your proposal falls well short of what we agreed.
- Frankly, the tone of your last message was out of line.
- Unfortunately the parcel reached us in pieces.
""",
    "news": """\
0 The council will vote on the budget next Wednesday.
0 Parliament reconvenes on 4 September after the summer recess.
0 The company employs about 3,000 people in four countries.
0 The central bank left its key rate unchanged at 3.5 percent.
0 The minister travels to Brussels for two days of talks.
0 A spokesman said the report would be published in June.
0 The exhibition runs until the end of October.
0 The two sides signed the agreement on Tuesday.
0 The new line will connect the airport with the harbour.
0 Polling stations open at seven in the morning.
0 The film will be shown in 400 cinemas from Thursday.
0 The university plans to move its library to the old mill.
- A fire destroyed three homes in the suburb overnight.
- The factory will close and 600 workers lose their jobs.
- Twelve people were injured when the stand collapsed.
- Heavy rain ruined most of this year's cherry harvest.
- The charity's accounts were looted by its own treasurer.
+ The missing girl was found safe and well on Sunday.
+ The home team won the cup for the first time in 40 years.
+ Scientists celebrate a breakthrough against malaria.
+ Volunteers rebuilt the playground and gave it back to cheering children.
+ The village school was honoured as the best in the country.
""",
    "specifications": """\
0 The device weighs 240 grams without the battery.
0 Input voltage: 100 to 240 V, 50/60 Hz.
0 The function returns null if the key does not exist.
0 Store between 5 and 25 degrees in a dry place.
0 The cable is 1.8 metres long and has a USB-C plug.
0 Supported formats are PNG, JPEG and TIFF.
0 Each record consists of a header and a body.
0 The pump delivers up to 40 litres per minute.
0 Wash at 30 degrees with similar colours.
0 The timeout defaults to 60 seconds.
0 Press and hold the button for three seconds to turn it off.
0 The table must have at least one column.
0 The warranty covers a period of 24 months.
0 Dimensions: 42 x 30 x 12 cm.
0 The tank holds 55 litres of diesel.
0 Requests without a token are answered with status 401.
0 The frame is made of aluminium and comes in black.
0 All times are given in UTC.
- The housing cracks at temperatures below zero, contrary to the data sheet.
- Battery life is half of what the data sheet promises.
+ The screen is far brighter than specified, which is a pleasant surprise.
+ Easily exceeds every value in the data sheet.
""",
    "slang": """\
+ this slaps so hard
+ lowkey obsessed with these sneakers
+ yo that was fire
+ absolute banger of an album
+ she totally nailed it
+ no cap best burger in the city
+ im so hyped for saturday omg
+ that goal was sick bro
+ you're a legend mate, cheers
+ chef's kiss
- this game is trash ngl
- ugh i cant even with this update
- that show was mid, total snoozefest
- bruh my phone died AGAIN
- what a ripoff smh
- he ghosted me, feeling like crap
- wifi here sucks big time
- meh, big letdown
0 brb getting coffee
0 u coming to the gym later?
0 idk maybe tmrw
0 gonna grab the bus at 6
""",
    "negation": """\
+ I have never had a bad meal there.
+ There is nothing I would change.
+ It did not disappoint.
+ You can't go wrong with this one.
+ Not once did we have to wait.
+ I had no trouble at all setting it up.
+ None of us wanted to leave, it was that good.
+ Nobody could have been more helpful.
+ It wasn't nearly as painful as I had feared.
+ We couldn't have asked for better weather.
+ No hidden fees, no fuss.
+ I don't know what I'd do without it.
- I wouldn't call that a success.
- It never worked the way they promised.
- Nothing about this place made me want to return.
- No one bothered to apologise.
- I can't say I enjoyed it.
- It does not deserve the praise it gets.
- Not exactly what I'd call a bargain.
- This would be nice if only it were finished.
- I wish I hadn't bought it.
- Neither the sauce nor the meat had any taste.
0 I haven't opened the box yet.
0 There is no lift in the building.
0 We don't have a branch in Leeds.
0 The office is not open on public holidays.
""",
    "reviews": """\
+ Bought it for my dad and he uses it every day.
+ Comfortable from the first minute, and they look smart too.
+ The plot keeps you guessing until the last page.
+ Rooms are spotless, breakfast is generous, and the owner remembers your name.
+ After five years it still runs like new.
+ Worth the trip for the view alone.
+ I finished it in one sitting and started again.
+ My skin has never felt softer.
+ A warm, clever little film that made me cry with laughter.
- The zip broke the second time I used it.
- Looks nice in the photos, feels like a toy in your hand.
- The main character is so dull that I gave up halfway.
- We left hungry and 80 euros poorer.
- The walls are so thin that we heard every word next door.
- Save your money and buy something else.
- I returned it the next day.
- An hour of my life I will never get back.
- The fabric shrank to half its size in the first wash.
- Smells of plastic even after a month.
0 It's all right, does what it says, no more.
0 Three stars: good food, slow kitchen.
0 The book has twelve chapters and an index.
0 It arrived on Tuesday and I have not tried it yet.
0 I ordered the medium in blue.
""",
    "chat": """\
+ Haha you just made my whole week!
+ Guess who passed the driving test!!
+ aww thanks, that means a lot to me
+ I'm so proud of you
+ Finally home and it feels amazing
+ That's great news, see you there!
- I've had the worst day ever
- I'm so sick of all this rain
- I miss you and I feel terrible
- Why does everything always go wrong for me?
- my neighbour woke me at 3 again, I could scream
- honestly just tired and fed up
0 Are you at home this evening?
0 I'm on the train, be there in twenty minutes
0 What's the name of that street again?
0 Can you bring the blue folder?
0 I think we have milk in the fridge
0 Sure, Tuesday then
""",
    "facts": """\
0 The capital of Norway is Oslo.
0 A triangle has three sides.
0 The moon orbits the earth in about 27 days.
0 Bees collect nectar from flowers.
0 The first bridge across the strait was opened in 1973.
0 My grandmother grew up on a farm in Wales.
0 There are 24 hours in a day.
0 The lake is 12 metres deep.
0 Copper conducts electricity.
0 She teaches chemistry at a secondary school.
0 The library stands opposite the church.
0 Whales are mammals.
0 The recipe calls for two onions and a litre of stock.
0 We usually have lunch at noon.
0 The train to Hamburg departs from platform nine.
0 My brother is two years older than I am.
0 The word comes from Latin.
0 A marathon is a little over 42 kilometres.
0 The dog is lying under the table.
0 He parked the car behind the house.
""",
}


def read_lines(text: str) -> tuple[tuple[str, Label], ...]:
    """The sentences of such lines, in their order, each with its label."""
    return tuple((line[2:], _SIGNS[line[0]]) for line in text.splitlines())


EVERYDAY: Final[dict[str, tuple[tuple[str, Label], ...]]] = {
    kind: read_lines(text) for kind, text in _KINDS.items()
}
"""Of every kind its sentences with their labels."""
